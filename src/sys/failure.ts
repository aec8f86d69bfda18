import { UserError } from '../errors.ts';
import { removeOwnTemporaries } from './temporary.ts';

/** Called when rapido itself fails. It must be quick and synchronous. */
export type FailureHandler = (error: unknown) => void;

const handlers = new Set<FailureHandler>();

/**
 * Runs `work`. If rapido itself fails in the meantime, in `work` or elsewhere, `handle` is called. A UserError of
 * `work` is left to the caller.
 */
export async function withFailureHandler<Result>(
  handle: FailureHandler,
  work: () => Promise<Result>,
): Promise<Result> {
  handlers.add(handle);
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UserError)) attempt(handle, error);
    throw error;
  } finally {
    handlers.delete(handle);
  }
}

/** Cleans up after an unexpected error, before the process exits. */
export function cleanUpAfterFailure(error: unknown): void {
  for (const handle of handlers) attempt(handle, error);
  handlers.clear();
  removeOwnTemporaries();
}

/** Errors of a handler are ignored: the original error is the one to report. */
function attempt(handle: FailureHandler, error: unknown): void {
  try {
    handle(error);
  } catch {}
}
