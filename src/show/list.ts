import { createContext, type GlobalOptions, warnAboutCut } from '../cli/context.ts';
import { type LoadedCut, loadCut } from '../cut/load.ts';
import { EXIT } from '../errors.ts';
import { formatJson } from '../ui/plain-text.ts';
import { formatTable } from '../ui/table.ts';
import type { Ui } from '../ui/terminal.ts';

export interface ListOptions extends GlobalOptions {
  json?: boolean | undefined;
}

/** `rapido list` @returns the exit status */
export async function runList(options: ListOptions, ui: Ui): Promise<number> {
  const context = createContext(options, ui);
  const loaded = await Promise.allSettled(
    context.cuts.map((file) => loadCut(file, context.directories)),
  );
  const cuts = loaded.filter((cut) => cut.status === 'fulfilled').map(({ value }) => value);
  if (options.json === true) ui.result(formatJson(cuts.map(toRecord)));
  else for (const line of formatList(cuts)) ui.result(line);
  // A broken cut of the user must not hide the others, so it is reported last.
  const broken = loaded.filter((cut) => cut.status === 'rejected').map(({ reason }) => reason);
  for (const error of broken) warnAboutCut(error, ui);
  return broken.length === 0 ? EXIT.ok : EXIT.usage;
}

function toRecord({ name, path, origin, shadows, cut }: LoadedCut) {
  return {
    name,
    summary: cut.summary,
    path,
    origin: origin.kind,
    shadows: shadows.map(({ kind, directory }) => ({ origin: kind, directory })),
  };
}

/** Name and summary; for a cut of the user also its path and the cuts that it hides. */
export function formatList(cuts: readonly LoadedCut[]): string[] {
  return formatTable([{ cells: cuts.map(({ name }) => name) }, { cells: cuts.map(describeCut) }]);
}

function describeCut({ cut, origin, path, shadows }: LoadedCut): string {
  const notes = [
    ...(origin.kind === 'built-in' ? [] : [path]),
    ...shadows.map(({ kind }) => `hides the ${kind} one`),
  ];
  return notes.length === 0 ? cut.summary : `${cut.summary}  (${notes.join('; ')})`;
}
