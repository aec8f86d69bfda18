/** The optional parts of an error. */
export interface UserErrorDetails {
  /** The single problems, if there are several: all are shown at once. */
  problems?: readonly string[];
  /** How to fix it: a command or a setting, in one line. */
  hint?: string;
  /** Exit status of the process; see `EXIT`. */
  exitCode?: number;
  dependsOn?: DependsOn | undefined;
  cause?: unknown;
}

/**
 * What may differ in another commit, so that `git bisect run` skips this one instead of stopping:
 * - `kernel`: the kernel of KERNEL_SRC or its modules, unless an installed kernel is booted;
 * - `checkout`: a file below the current directory or KERNEL_SRC.
 */
export type DependsOn = 'kernel' | 'checkout';

/**
 * Exit statuses of all commands except `run` and `exec`. `software` is EX_SOFTWARE of sysexits.h: rapido
 * itself failed, because of a bug or an unexpected system error.
 */
export const EXIT = { ok: 0, failed: 1, usage: 2, software: 70 } as const;

/**
 * An error that the user can fix: bad conf, a missing program, a kernel that is not built.
 * It is printed as what, where and hint, without a stack trace. Any other error is a bug of rapido.
 */
export class UserError extends Error {
  override readonly name = 'UserError';
  readonly problems: readonly string[];
  readonly hint: string | undefined;
  readonly exitCode: number;
  /** undefined: the error does not depend on the commit. */
  dependsOn: DependsOn | undefined;

  constructor(message: string, details: UserErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.problems = details.problems ?? [];
    this.hint = details.hint;
    this.exitCode = details.exitCode ?? EXIT.failed;
    this.dependsOn = details.dependsOn;
  }
}

/** A mistake in the command line or in a conf file: exit status 2. */
export class UsageError extends UserError {
  constructor(message: string, details: UserErrorDetails = {}) {
    super(message, { exitCode: EXIT.usage, ...details });
  }
}

/** Descriptions of system errors that are not bugs of rapido. */
const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'the filesystem is read-only',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'disk quota exceeded',
  ENOENT: 'no such file or directory',
  ENOTDIR: 'a part of the path is not a directory',
  EISDIR: 'it is a directory',
  ELOOP: 'too many symbolic links',
  ENAMETOOLONG: 'the name is too long',
  EMFILE: 'too many open files (see `ulimit -n`)',
  ENFILE: 'too many open files on this host',
  ENOMEM: 'out of memory',
  EAGAIN: 'the system is out of processes or memory (see `ulimit -u`)',
  E2BIG: 'the arguments or the environment are too long',
  ETXTBSY: 'the program is being written',
  ENOEXEC: 'not a program that this host can execute',
  EPIPE: 'the other end has closed the connection',
  ECONNRESET: 'the other end has closed the connection',
  EFBIG: 'the file would be too large',
  EEXIST: 'it already exists',
  ENOTEMPTY: 'the directory is not empty',
  EXDEV: 'it is on another filesystem',
  EBUSY: 'it is in use',
  ESTALE: 'stale handle of a network filesystem',
  EIO: 'input or output error',
};

/**
 * Converts a system error to a UserError that names the file: a cache that is not writable is not a bug of
 * rapido. Any other error is returned unchanged.
 */
export function explainSystemError(error: unknown): unknown {
  if (isShortageOfMemory(error)) return new UserError('out of memory', { cause: error });
  const meaning = SYSTEM_ERRORS[errorCode(error) ?? ''];
  if (!(error instanceof Error) || meaning === undefined || !('syscall' in error)) return error;
  if (error.syscall === 'uv_cwd') {
    return new UserError('the current directory no longer exists', {
      cause: error,
      hint: 'cd to an existing directory',
    });
  }
  const path = 'path' in error && typeof error.path === 'string' ? `${error.path}: ` : '';
  return new UserError(`${path}${meaning} (${error.syscall})`, { cause: error });
}

/** Node throws these if it cannot allocate a Buffer, or if a worker thread runs out of memory. */
function isShortageOfMemory(error: unknown): boolean {
  const code = errorCode(error);
  return (
    code === 'ERR_WORKER_OUT_OF_MEMORY' ||
    code === 'ERR_MEMORY_ALLOCATION_FAILED' ||
    (error instanceof RangeError && error.message === 'Array buffer allocation failed')
  );
}

/** The `code` of a Node system error ("ENOENT"), or undefined for anything else. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}
