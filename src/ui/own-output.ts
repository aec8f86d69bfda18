import { setImmediate } from 'node:timers/promises';
import { EXIT, errorCode, explainSystemError, UserError } from '../errors.ts';

/** The first write error of each stream. */
const writeErrors = new Map<'stdout' | 'stderr', Error>();

/**
 * From now on, records write errors of rapido's stdout and stderr, which would otherwise end the process. If the
 * reader has exited (`rapido conf | head -1`, a closed terminal), that is not an error.
 */
export function watchOwnOutput(): void {
  for (const name of ['stdout', 'stderr'] as const) {
    const stream = process[name];
    if (stream.listenerCount('error') > 0) continue;
    stream.on('error', (error) => {
      const hasNoReader = errorCode(error) === (stream.isTTY ? 'EIO' : 'EPIPE');
      if (!hasNoReader && !writeErrors.has(name)) writeErrors.set(name, error);
    });
  }
}

/** @throws UserError if some of the output so far could not be written */
export async function requireWritten(): Promise<void> {
  // Node writes to files and devices synchronously, but reports errors in the next tick.
  await setImmediate();
  for (const [name, cause] of writeErrors) {
    const explained = explainSystemError(cause);
    const why = explained instanceof UserError ? explained.message : cause.message;
    throw new UserError(`${name}: ${why}`, { cause, exitCode: EXIT.software });
  }
}
