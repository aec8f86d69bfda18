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
 * Tells of a program that can be nowhere in the guest: a boot would only end in "command not found".
 * @param name as it will be called there
 * @returns undefined where it may be there: a script of the cut may make it, or mount what it is in
 */
export function findMissingProgram(
  name: string,
  context: CommandContext,
  contents: ImageContents,
): Problem | undefined {
  return mayBeThere(name, context, contents) ? undefined : explainMissing(name, context);
}

function explainMissing(name: string, context: CommandContext): Problem {
  const message = `${name}: there is no such program, on this host or in the image`;
  if (!name.includes('/')) return { message, program: name };
  const onHost = resolve(context.cwd, name);
  const dependsOn = dependsOnCheckout(onHost, context);
  if (isDirectory(onHost)) return { message: `${name}: it is a directory`, dependsOn };
  if (isFile(onHost)) return { message: `${name}: ${onHost} is not executable`, dependsOn };
  return { message, program: basename(name), dependsOn };
}

/** Where a VM has files of its own: mounted there, or made as it runs. */
const FILLED_IN_GUEST = /^\/(?:rapido|host|mnt|proc|sys|dev|run|tmp)\//;

/** Links that every image has; see overlay.ts. */
const POWER_OFF = ['shutdown', 'poweroff', 'halt', 'reboot'];

/** @returns false for a program that can be nowhere in the guest */
function mayBeThere(name: string, context: CommandContext, contents: ImageContents): boolean {
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
  // Scripts name the directories that every image has, for other reasons.
  const mayBeFilled = place !== directory && !SYSTEM_DIRECTORIES.includes(place);
  return FILLED_IN_GUEST.test(path) || isMade(path) || (mayBeFilled && isMentioned(place));
}
