import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { isInside } from '../sys/paths.ts';
import { isExecutableFile } from '../sys/stat.ts';
import {
  type CommandContext,
  findOnHost,
  type ImageContents,
  isInTrees,
  searchPathOf,
} from './command-context.ts';
import type { Problem } from './resolve-request.ts';

/** How much of a script is searched. Those that only start another program are much shorter. */
const SCRIPT_MAX = 64 * 1024;

/**
 * Reports a program that is in PATH, but starts another one that a guest with the directories of this host lacks: the
 * shims of pyenv and rbenv in the user's home, and scripts of a virtual environment. The image gets the script
 * alone, which could only fail.
 * @param name name or path with which the guest starts it
 */
export function findIncompleteProgram(
  name: string,
  context: CommandContext,
  { available, trees }: ImageContents,
): Problem | undefined {
  if (available === undefined || name.includes('/')) return undefined;
  const path = findOnHost(name, context);
  const isInGuest = (file: string): boolean =>
    available.some((directory) => isInside(file, directory)) || isInTrees(file, trees);
  if (path === undefined || isInGuest(path)) return undefined;
  const started = programsIn(path).find((each) => each !== path && !isInGuest(each));
  if (started === undefined) return undefined;
  const top = `/${started.split('/')[1]}`;
  const other = searchPathOf(context)
    .map((directory) => join(directory, name))
    .find((each) => isInGuest(each) && isExecutableFile(each));
  return {
    message: `${name} is ${path}, which starts ${started}; the VM does not get ${top} (HOST_LEAVE_OUT)`,
    hint:
      other === undefined
        ? `share its directory (--share), or remove ${top} from HOST_LEAVE_OUT`
        : `use ${other}, the next one in PATH`,
  };
}

/** An absolute path in a script: in quotes, where it may contain blanks, or without. */
const NAMED = /"(\/[^"\n]+)"|'(\/[^'\n]+)'|(?<![\w.$})~*])(\/[\w.@+/-]+)/g;

/** The programs that a script names by their absolute paths; none if it is not a script. */
function programsIn(path: string): string[] {
  const text = readBeginning(path);
  if (!text.startsWith('#!')) return [];
  const paths = [...text.matchAll(NAMED)].map((match) => match.slice(1).find(Boolean) ?? '');
  return [...new Set(paths)].filter(isExecutableFile);
}

function readBeginning(path: string): string {
  const buffer = Buffer.alloc(SCRIPT_MAX);
  try {
    const fd = openSync(path, 'r');
    try {
      return buffer.toString('utf8', 0, readSync(fd, buffer));
    } finally {
      closeSync(fd);
    }
  } catch {
    return '';
  }
}
