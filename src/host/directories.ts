import { lstatSync, mkdirSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeErrorCode, errorCode, UserError } from '../errors.ts';
import { makePrivateDirectory } from '../sys/private-directory.ts';

/** rapido's directories, according to the XDG Base Directory Specification. */
export interface Directories {
  /** The checkout or package from which rapido runs. It contains cuts/, autorun/ and guest/. */
  root: string;
  cache: string;
  config: string;
  state: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

export function locateDirectories(env: Environment, root = packageRoot()): Directories {
  const home = env.HOME || homeOfUser();
  const base = (variable: string, fallback: string): string => {
    const value = env[variable];
    // The specification says to ignore relative paths.
    return join(value?.startsWith('/') ? value : join(home, fallback), 'rapido');
  };
  return {
    root,
    cache: base('XDG_CACHE_HOME', '.cache'),
    config: base('XDG_CONFIG_HOME', '.config'),
    state: base('XDG_STATE_HOME', '.local/state'),
  };
}

/** A hint for the user if one of the directories is not writable. */
export function hintForUnwritable(env: Environment): string {
  const variables = 'XDG_CACHE_HOME and XDG_STATE_HOME';
  // A container gives HOME=/ to a uid without an entry in passwd(5).
  return env.HOME === undefined || env.HOME === '/'
    ? `set HOME, or ${variables}, to a directory of your own`
    : `make it writable for this user, or set ${variables}`;
}

/** @throws UserError for a user without HOME and without an entry in passwd(5) */
function homeOfUser(): string {
  try {
    return homedir();
  } catch (cause) {
    throw new UserError('this user has no home directory', { cause, hint: 'set HOME' });
  }
}

/** The nearest directory above this file that contains package.json, from src/ or from dist/. */
/** Absolute path of a file of rapido, for hints: `docs/writing-cuts.md`. */
export function ownFile(name: string): string {
  return join(packageRoot(), name);
}

function packageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (lstatSync(join(directory, 'package.json'), { throwIfNoEntry: false }) === undefined) {
    const parent = dirname(directory);
    if (parent === directory) throw new Error(`no package.json above ${import.meta.url}`);
    directory = parent;
  }
  return directory;
}

/**
 * The directory for sockets and pid files of running VMs. It is created if necessary, and only this user can write
 * to it: `$XDG_RUNTIME_DIR/rapido`, otherwise `/run/user/UID/rapido`, otherwise `rapido-UID` in the temporary
 * directory.
 */
export function ensureRuntimeDirectory(env: Environment): string {
  const uid = process.getuid?.() ?? 0;
  // A session without the variable (cron, su) must find the VMs of sessions that have it.
  const candidates = [env.XDG_RUNTIME_DIR, `/run/user/${uid}`];
  const runtime = candidates.find((path) => path?.startsWith('/') && isOwnDirectory(path, uid));
  if (runtime !== undefined) {
    const directory = join(runtime, 'rapido');
    makePrivateDirectory(directory);
    return directory;
  }
  const directory = join(tmpdir(), `rapido-${uid}`);
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    // It may have been created by this user earlier. Anything else is rejected below.
    if (errorCode(error) !== 'EEXIST') {
      throw new UserError(`${nameOfTemporary()}${describeFailure(directory, error)}`, {
        hint: 'set XDG_RUNTIME_DIR or QEMU_PID_DIR to a directory of your own',
      });
    }
  }
  if (!isOwnDirectory(directory, uid)) {
    throw new UserError(
      `${directory}: belongs to another user, may be written by others, or is not a directory`,
      { hint: 'set XDG_RUNTIME_DIR or QEMU_PID_DIR to a directory of your own' },
    );
  }
  return directory;
}

/** The variable that Node takes the temporary directory from, for a message. */
function nameOfTemporary(): string {
  const name = ['TMPDIR', 'TMP', 'TEMP'].find((each) => Boolean(process.env[each]));
  return name === undefined ? '' : `${name}: `;
}

function describeFailure(directory: string, error: unknown): string {
  const isMissing = ['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '');
  return isMissing
    ? `${dirname(directory)} does not exist`
    : `cannot create ${directory}: ${describeErrorCode(error)}`;
}

/** The directories that `ensureRuntimeDirectory` may use for a user, whether they exist or not. */
export function runtimeDirectories(env: Environment, uid: number): string[] {
  return [
    ...(env.XDG_RUNTIME_DIR?.startsWith('/') ? [join(env.XDG_RUNTIME_DIR, 'rapido')] : []),
    `/run/user/${uid}/rapido`,
    join(tmpdir(), `rapido-${uid}`),
  ];
}

/** Whether the path is a directory, not a link, to which only this user can write. */
function isOwnDirectory(path: string, uid: number): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats?.isDirectory() === true && stats.uid === uid && (stats.mode & 0o022) === 0;
}
