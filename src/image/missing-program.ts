import { basename, dirname, join, resolve } from 'node:path';
import { SYSTEM_DIRECTORIES } from '../host/programs.ts';
import { isDirectory, isFile } from '../sys/stat.ts';
import {
  type CommandContext,
  findOnHost,
  type ImageContents,
  isInTrees,
} from './command-context.ts';
import { dependsOnCheckout, type Problem } from './resolve-request.ts';

/**
 * Reports a program that cannot exist in the guest. Otherwise, the boot would end with "command not found".
 * @param name name or path with which the guest starts it
 * @returns undefined if it may exist: a script of the cut may create it, or mount the filesystem that contains it
 */
export function findMissingProgram(
  name: string,
  context: CommandContext,
  contents: ImageContents,
): Problem | undefined {
  return mayExistInGuest(name, context, contents) ? undefined : explainMissing(name, context);
}

function explainMissing(name: string, context: CommandContext): Problem {
  const message = `neither this host nor the image has a program ${name}`;
  if (!name.includes('/')) return { message, program: name };
  const onHost = resolve(context.cwd, name);
  const dependsOn = dependsOnCheckout(onHost, context);
  if (isDirectory(onHost)) return { message: `${name}: is a directory`, dependsOn };
  if (isFile(onHost)) return { message: `${name}: ${onHost} is not executable`, dependsOn };
  return { message, program: basename(name), dependsOn };
}

/** Directories whose files come from mounts in the VM, or are created at run time. */
const FILLED_IN_GUEST = /^\/(?:rapido|host|mnt|proc|sys|dev|run|tmp)\//;

/** Links that every image has; see overlay.ts. */
const POWER_OFF = ['shutdown', 'poweroff', 'halt', 'reboot'];

/** @returns false for a program that cannot exist in the guest */
function mayExistInGuest(name: string, context: CommandContext, contents: ImageContents): boolean {
  const { cut, extras } = context;
  const { directory = '/root', trees, autorun } = contents;
  const isMentioned = (text: string): boolean =>
    autorun.some(({ content }) => content.includes(text));
  const isMade = (path: string): boolean =>
    path in (cut.cut.contents ?? {}) || isInTrees(path, trees);
  if (name === cut.cut.test?.command?.[0] || isMentioned(basename(name))) return true;
  if (findOnHost(name, context) !== undefined) return true;
  if (!name.includes('/')) {
    const isAdded = [...extras.install, ...POWER_OFF].some((path) => basename(path) === name);
    return isAdded || SYSTEM_DIRECTORIES.some((path) => isMade(join(path, name)));
  }
  const path = resolve(directory, name);
  const place = dirname(path);
  // Scripts also name directories that every image has, which says nothing about this program.
  const mayBeFilled = place !== directory && !SYSTEM_DIRECTORIES.includes(place);
  return FILLED_IN_GUEST.test(path) || isMade(path) || (mayBeFilled && isMentioned(place));
}
