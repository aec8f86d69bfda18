import {
  accessSync,
  constants,
  lstatSync,
  readdirSync,
  readFileSync,
  type Stats,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** stat(2). @returns undefined if the path cannot be reached: missing, not a directory, no access */
export function statIfReachable(path: string): Stats | undefined {
  try {
    // Most of these paths do not exist, and an exception costs more than the system call.
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** Like `statIfReachable`, but does not follow a symbolic link at the end. */
export function lstatIfReachable(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

export function isDirectory(path: string): boolean {
  return statIfReachable(path)?.isDirectory() === true;
}

export function isFile(path: string): boolean {
  return statIfReachable(path)?.isFile() === true;
}

export function isReadable(path: string): boolean {
  return canAccess(path, constants.R_OK);
}

export function isWritable(path: string): boolean {
  return canAccess(path, constants.W_OK);
}

export function isExecutableFile(path: string): boolean {
  return isFile(path) && canAccess(path, constants.X_OK);
}

function canAccess(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

/** @returns the names in a directory, in no particular order; none if it cannot be read */
export function listIfReachable(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

export function readTextIfReachable(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Whether a directory is writable, or can be created if it does not exist. */
export function canWriteTo(directory: string): boolean {
  let nearest = directory;
  while (statIfReachable(nearest) === undefined && nearest !== dirname(nearest)) {
    nearest = dirname(nearest);
  }
  return isDirectory(nearest) && canAccess(nearest, constants.W_OK | constants.X_OK);
}

/** Why a file that is not readable is not, for a message. */
export function whyUnreadable(path: string): string {
  const isMissing = statIfReachable(path) === undefined;
  return isMissing ? `${path} does not exist` : `cannot read ${path}: permission denied`;
}
