import { readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { findAutorunScript } from '../cut/load.ts';
import { errorCode, UserError } from '../errors.ts';
import { isDirectory, isReadable, statIfReachable } from '../sys/stat.ts';
import { expandKeys, tryExpandKeys } from './expand-keys.ts';
import type { AutorunScript } from './overlay.ts';
import type { Problem, ResolveRequest } from './resolve-request.ts';
import type { PlannedTree } from './trees-layer.ts';

/** Finds the directories and files that go into the image as they are. */
export function resolveTrees(request: ResolveRequest, problems: Problem[]): PlannedTree[] {
  const { cut, conf, extras, cwd } = request;
  const trees: PlannedTree[] = [];
  for (const tree of cut.cut.trees ?? []) {
    const source = tryExpandKeys(tree.source, conf);
    if (source === undefined) continue; // The unset key is reported as such.
    if (!isDirectory(source)) problems.push({ message: `${source} is not a directory` });
    const target = tree.target === undefined ? source : expandKeys(tree.target, conf);
    trees.push({ source, target, exclude: tree.exclude ?? [] });
  }
  for (const file of cut.cut.files ?? []) {
    const source = tryExpandKeys(file.source, conf);
    if (source === undefined || (file.optional && statIfReachable(source) === undefined)) continue;
    if (!isReadable(source)) problems.push({ message: `${source} ${whyUnreadable(source)}` });
    trees.push({ source, target: file.target ?? source, exclude: [] });
  }
  for (const include of extras.include) {
    const { source, target } = splitInclude(include, cwd);
    if (!isReadable(source)) {
      problems.push({ message: `--include: ${source} ${whyUnreadable(source)}` });
    }
    trees.push({ source, target, exclude: [] });
  }
  return trees;
}

function whyUnreadable(path: string): string {
  return statIfReachable(path) === undefined ? 'does not exist' : 'is not readable by this user';
}

/**
 * `SRC[:DST]`. DST is absolute, so a colon in SRC is one unless a slash follows it; a DST that ends
 * in a slash is the directory that gets SRC.
 */
export function splitInclude(text: string, cwd: string): { source: string; target: string } {
  const colon = text.lastIndexOf(':/');
  const source = resolve(cwd, colon > 0 ? text.slice(0, colon) : text);
  const target = colon > 0 ? text.slice(colon + 1) : source;
  return { source, target: target.endsWith('/') ? join(target, basename(source)) : target };
}

/** Reads the scripts that run in the guest, in their order. */
export function resolveAutorun(request: ResolveRequest, problems: Problem[]): AutorunScript[] {
  const { cut, conf, extras, directories, cwd } = request;
  const scripts: AutorunScript[] = [];
  const attempt = (read: () => AutorunScript): void => {
    try {
      scripts.push(read());
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      problems.push({ message: [error.message, ...error.problems].join('; ') });
    }
  };
  for (const name of cut.cut.autorun ?? []) {
    attempt(() => readScript(findAutorunScript(expandKeys(name, conf), cut, directories)));
  }
  for (const [index, extra] of extras.commands.entries()) {
    if ('file' in extra) attempt(() => readScript(resolve(cwd, extra.file)));
    else scripts.push({ name: `command-${index + 1}`, content: Buffer.from(`${extra.command}\n`) });
  }
  return scripts;
}

function readScript(path: string): AutorunScript {
  try {
    return { name: basename(path), content: readFileSync(path) };
  } catch (cause) {
    throw new UserError(`${path}: cannot be read (${errorCode(cause)})`, { cause });
  }
}
