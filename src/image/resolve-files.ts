import { readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Conf } from '../conf/conf.ts';
import { nounPhrase } from '../conf/types.ts';
import type { Tree } from '../cut/cut.ts';
import { findCutFile, type LoadedCut } from '../cut/load.ts';
import { describeReadError, UserError } from '../errors.ts';
import type { Kernel } from '../host/kernel.ts';
import { isDirectory, isReadable, statIfReachable, whyUnreadable } from '../sys/stat.ts';
import { expandKeys, hostPath, requireKeys } from './expand-keys.ts';
import type { AutorunScript } from './overlay.ts';
import { dependsOnCheckout, type Problem, type ResolveRequest } from './resolve-request.ts';
import type { PlannedTree } from './walked-tree.ts';

/**
 * Finds the directories and files that are copied into the image.
 * @param request without a kernel, the configuration of the kernel is omitted
 */
export function resolveTrees(
  request: Pick<ResolveRequest, 'cut' | 'conf' | 'extras' | 'cwd'> & { kernel?: Kernel },
  problems: Problem[],
): PlannedTree[] {
  const { cut, conf, extras, cwd, kernel } = request;
  const trees: PlannedTree[] = [];
  const add = (source: string, target: string, exclude: readonly string[] = []): void => {
    if (/^[/.]*$/.test(target)) {
      problems.push({
        message: `cannot copy ${source} to ${target}; name a directory below it`,
      });
    } else trees.push({ source, target, exclude });
  };
  const pathOf = (text: string, field: string): string | undefined => {
    const path = requireKeys(text, field, conf, problems);
    return path === undefined ? undefined : hostPath(path, cut, conf);
  };
  const targetOf = (text: string | undefined, field: string): string | undefined =>
    text === undefined ? undefined : requireKeys(text, field, conf, problems);
  for (const tree of cut.cut.trees ?? []) {
    const source = pathOf(tree.source, 'trees');
    const target = targetOf(tree.target, 'trees') ?? source;
    if (source === undefined || target === undefined) continue;
    const flaw = isDirectory(source) ? describeAbsent(source, tree) : 'is not a directory';
    if (flaw !== undefined) {
      const { key, expected } = explainKey(tree.source, conf);
      problems.push({
        message: `${key ?? 'trees'}: ${source} ${flaw}${expected}`,
        dependsOn: dependsOnCheckout(source, request),
      });
    }
    add(source, target, tree.exclude);
  }
  for (const file of cut.cut.files ?? []) {
    if (file.optional && !isThere(file.source, cut, conf)) continue;
    if (file.ifSet && !isNamed(file.source, conf)) continue;
    const source = pathOf(file.source, 'files');
    const target = targetOf(file.target, 'files') ?? source;
    if (source === undefined || target === undefined) continue;
    if (!isReadable(source)) {
      const { key, expected } = explainKey(file.source, conf);
      problems.push({
        message: `${key ?? 'files'}: ${whyUnreadable(source)}${expected}`,
        dependsOn: dependsOnCheckout(source, request),
      });
    }
    add(source, target);
  }
  if (cut.cut.kernelConfig === true && kernel?.config !== undefined) {
    add(kernel.config, `/boot/config-${kernel.release}`);
  }
  for (const include of extras.include) {
    const { source, target } = splitInclude(include, cwd);
    if (!isReadable(source)) {
      problems.push({
        message: `--include: ${whyUnreadable(source)}${hintFor(include)}`,
        dependsOn: dependsOnCheckout(source, request),
      });
    }
    add(source, target);
  }
  return trees;
}

/** What the cut expects in the directory and is not there. */
function describeAbsent(source: string, { contains = [] }: Tree): string | undefined {
  const absent = contains.filter((path) => statIfReachable(join(source, path)) === undefined);
  return absent.length === 0 ? undefined : `does not contain ${absent.join(', ')}`;
}

/** The conf key that a path begins with, for a message, and what its value should be if the path is that value. */
function explainKey(text: string, conf: Conf): { key: string | undefined; expected: string } {
  const [, key, rest] = /^\$\{(\w+)\}(.*)$/.exec(text) ?? [];
  const meaning = key === undefined || rest !== '' ? undefined : conf.entry(key)?.key.meaning;
  const phrase = meaning === undefined ? undefined : nounPhrase(meaning);
  return { key, expected: phrase === undefined ? '' : ` (expected ${phrase})` };
}

function isThere(source: string, cut: LoadedCut, conf: Conf): boolean {
  const { text } = { text: undefined, ...expandKeys(source, conf) };
  return text !== undefined && statIfReachable(hostPath(text, cut, conf)) !== undefined;
}

/** Whether the conf names that file. A key may be unset, or its value may not be a path. */
function isNamed(source: string, conf: Conf): boolean {
  const expansion = expandKeys(source, conf);
  return expansion.unset === undefined && expansion.text.startsWith('/');
}

/** A DST that is not absolute is parsed as part of SRC. */
function hintFor(include: string): string {
  return include.includes(':') ? ' (DST must be absolute: SRC:/DST)' : '';
}

/**
 * Parses `SRC[:DST]`. DST is absolute, so a colon without a following slash is part of SRC. A DST with a trailing
 * slash is the directory into which SRC is copied.
 */
export function splitInclude(text: string, cwd: string): { source: string; target: string } {
  const colon = text.lastIndexOf(':/');
  const source = resolve(cwd, colon > 0 ? text.slice(0, colon) : text);
  const target = colon > 0 ? text.slice(colon + 1) : source;
  return { source, target: target.endsWith('/') ? join(target, basename(source)) : target };
}

/** Reads the scripts that run in the guest, in order. */
export function resolveAutorun(
  request: Pick<ResolveRequest, 'cut' | 'conf' | 'extras' | 'directories' | 'cwd'>,
  problems: Problem[],
): AutorunScript[] {
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
    const script = requireKeys(name, 'autorun', conf, problems);
    if (script === undefined) continue;
    attempt(() => readScript(findCutFile('autorun', script, cut, directories)));
  }
  for (const extra of extras.commands) {
    if ('file' in extra) attempt(() => readScript(resolve(cwd, extra.file), '-f: '));
    // The name of a command is its text, so that messages quote it.
    else scripts.push({ name: extra.command, content: Buffer.from(`${extra.command}\n`) });
  }
  return scripts;
}

function readScript(path: string, option = ''): AutorunScript {
  try {
    return { name: basename(path), content: readFileSync(path), path };
  } catch (cause) {
    throw new UserError(`${option}${describeReadError(path, cause)}`, { cause });
  }
}
