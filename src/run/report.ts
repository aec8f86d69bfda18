import { exportJunit } from '../export/formats.ts';
import type { RunResult } from '../results/run-result.ts';
import { finishRun } from '../results/store.ts';
import { formatSummary } from '../results/summary.ts';
import { readTail } from '../sys/read-tail.ts';
import { listIfReachable } from '../sys/stat.ts';
import { writeFileAtomic } from '../sys/temporary.ts';
import { formatJson } from '../ui/plain-text.ts';
import type { RunContext } from './context.ts';

/** How much of the console is printed, in bytes. */
const CONSOLE = 8192;

/** Writes result.json, then junit.xml. @throws UserError: a pass that cannot be stored does not count */
export function writeResults(
  { directory, settings }: Pick<RunContext, 'directory' | 'settings'>,
  result: RunResult,
): void {
  finishRun(directory, result);
  const junit = exportJunit(directory, result);
  writeFileAtomic(directory.file('junit.xml'), junit);
  if (settings.junit !== undefined) writeFileAtomic(settings.junit, junit, 0o644);
}

/** Prints the result of a run. */
export function printResult(run: RunContext): void {
  const { settings, directory, result, context } = run;
  const { ui } = context;
  if (settings.json === true) ui.result(formatJson(result));
  // A run that started no VM ends with an error message, which is enough.
  if (settings.quiet === true || result.vm === undefined) return;
  const files = {
    directory: directory.path,
    consoleTail: readTail(directory.file('console.log'), CONSOLE),
    hasGuestFiles: hasGuestFiles(run),
  };
  for (const line of formatSummary(result, files, ui.paintError)) ui.note(line);
}

/** Whether the guest wrote files, apart from those that are passed on from run to run. */
function hasGuestFiles({ directory, cut }: RunContext): boolean {
  const carried = cut.cut.test?.carry ?? [];
  return listIfReachable(directory.file('guest')).some((name) => !carried.includes(name));
}
