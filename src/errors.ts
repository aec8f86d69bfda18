/** What an error may carry beside its first line. */
export interface UserErrorDetails {
  /** Each thing that is wrong, where there are several: all are shown at once. */
  problems?: readonly string[];
  /** What to do about it: a command or a setting, in one line. */
  hint?: string;
  /** Exit status of the process; see `EXIT`. */
  exitCode?: number;
  dependsOn?: DependsOn | undefined;
  cause?: unknown;
}

/**
 * What another commit may bring in order, so that `git bisect run` skips this one instead of stopping:
 * - `kernel`: the kernel of KERNEL_SRC or its modules, unless an installed kernel is booted;
 * - `checkout`: a file below the current directory or KERNEL_SRC.
 */
export type DependsOn = 'kernel' | 'checkout';

/**
 * Exit statuses of every command but `run` and `exec`. `software` is EX_SOFTWARE of sysexits.h: rapido
 * itself failed, by a bug or because the system refused it something where no command expects that.
 */
export const EXIT = { ok: 0, failed: 1, usage: 2, software: 70 } as const;

/**
 * A mistake that the user can mend: bad conf, a missing binary, a kernel that is not built.
 * It is printed as what, where and hint, without a stack trace. Any other error is a bug of ours.
 */
export class UserError extends Error {
  override readonly name = 'UserError';
  readonly problems: readonly string[];
  readonly hint: string | undefined;
  readonly exitCode: number;
  /** undefined: the next commit will have the same mistake. */
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
  EMFILE: 'too many open files (see `ulimit -n`)',
  ENFILE: 'too many open files on this host',
  ENOMEM: 'out of memory',
  EAGAIN: 'the system is short of processes or memory (see `ulimit -u`)',
  E2BIG: 'the arguments or the environment are too long',
  ETXTBSY: 'the program is being written',
  ENOEXEC: 'it is no program that this host can execute',
  EPIPE: 'the other end has gone',
  ECONNRESET: 'the other end has gone',
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
  if (isShortageOfMemory(error)) return new UserError('out of memory', { cause: error });
  const meaning = SYSTEM_ERRORS[errorCode(error) ?? ''];
  if (!(error instanceof Error) || meaning === undefined || !('syscall' in error)) return error;
  if (error.syscall === 'uv_cwd') {
    return new UserError('the current directory does not exist any more', {
      cause: error,
      hint: 'cd to one that does',
    });
  }
  const path = 'path' in error && typeof error.path === 'string' ? `${error.path}: ` : '';
  return new UserError(`${path}${meaning} (${error.syscall})`, { cause: error });
}

/** What Node throws for a Buffer that it gets no memory for, and what a worker thread ends with. */
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
