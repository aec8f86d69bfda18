/** What an error may carry beside its first line. */
export interface UserErrorDetails {
  /** Each thing that is wrong, where there are several: all are shown at once. */
  problems?: readonly string[];
  /** What to do about it: a command or a setting, in one line. */
  hint?: string;
  /** Exit status of the process; see `EXIT`. */
  exitCode?: number;
  cause?: unknown;
}

/** Exit statuses of every command but `run`; `bug` is EX_SOFTWARE of sysexits.h. */
export const EXIT = { ok: 0, failed: 1, usage: 2, bug: 70 } as const;

/**
 * A mistake that the user can mend: bad conf, a missing binary, a kernel that is not built.
 * It is printed as what, where and hint, without a stack trace. Any other error is a bug of ours.
 */
export class UserError extends Error {
  override readonly name = 'UserError';
  readonly problems: readonly string[];
  readonly hint: string | undefined;
  readonly exitCode: number;

  constructor(message: string, details: UserErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.problems = details.problems ?? [];
    this.hint = details.hint;
    this.exitCode = details.exitCode ?? EXIT.failed;
  }
}

/** A mistake in the command line or in a conf file: exit status 2. */
export class UsageError extends UserError {
  constructor(message: string, details: UserErrorDetails = {}) {
    super(message, { exitCode: EXIT.usage, ...details });
  }
}

/** Something that is wrong with this host: the next kernel, or another cut, will not mend it. */
export class HostError extends UserError {}

/** What the system may refuse by no fault of ours, in words. */
const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  ENOENT: 'no such file or directory',
  ENOTDIR: 'a part of the path is not a directory',
  EISDIR: 'it is a directory',
  ELOOP: 'too many symbolic links',
  ENAMETOOLONG: 'the name is too long',
  EMFILE: 'too many open files',
  EFBIG: 'the file would be too large',
  EEXIST: 'it exists already',
  ENOTEMPTY: 'the directory is not empty',
  EXDEV: 'it is on another file system',
  EBUSY: 'it is in use',
  ESTALE: 'the network file system has lost it',
  EIO: 'input or output error',
};

/**
 * Turns what the system refused into a mistake that can be mended, naming the file: a cache that may
 * not be written is no bug of ours. Any other error comes back as it is.
 */
export function explainSystemError(error: unknown): unknown {
  const meaning = SYSTEM_ERRORS[errorCode(error) ?? ''];
  if (!(error instanceof Error) || meaning === undefined || !('syscall' in error)) return error;
  if (error.syscall === 'uv_cwd') {
    return new HostError('the current directory does not exist any more', {
      cause: error,
      hint: 'cd to one that does',
    });
  }
  const path = 'path' in error && typeof error.path === 'string' ? `${error.path}: ` : '';
  return new HostError(`${path}${meaning} (${error.syscall})`, { cause: error });
}

/** The `code` of a Node system error ("ENOENT"), or undefined for anything else. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}
