import { setImmediate } from 'node:timers/promises';
import { EXIT, errorCode, explainSystemError, UserError } from '../errors.ts';

/** The first thing that the system refused to take, by stream. */
const refusals = new Map<'stdout' | 'stderr', Error>();

/**
 * Notes what cannot be written to rapido's own stdout and stderr from now on, instead of letting it end the
 * process. A reader that has gone (`rapido conf | head -1`, a terminal that was closed) is no mistake.
 */
export function watchOwnOutput(): void {
  for (const name of ['stdout', 'stderr'] as const) {
    const stream = process[name];
    if (stream.listenerCount('error') > 0) continue;
    stream.on('error', (error) => {
      const hasNoReader = errorCode(error) === (stream.isTTY ? 'EIO' : 'EPIPE');
      if (!hasNoReader && !refusals.has(name)) refusals.set(name, error);
    });
  }
}

/** @throws UserError when something that was written so far was lost */
export async function requireWritten(): Promise<void> {
  // Node writes to files and devices at once, and says in its next tick what became of it.
  await setImmediate();
  for (const [name, cause] of refusals) {
    const explained = explainSystemError(cause);
    const why = explained instanceof UserError ? explained.message : cause.message;
    throw new UserError(`${name}: ${why}`, { cause, exitCode: EXIT.software });
  }
}
