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

/** Exit statuses of every command but `run`. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

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

/** The `code` of a Node system error ("ENOENT"), or undefined for anything else. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}
