import { UserError } from '../errors.ts';
import { removeOwnTemporaries } from './temporary.ts';

/** What is done when rapido itself fails: quickly, and without waiting for anything. */
export type LastAct = (error: unknown) => void;

const lastActs = new Set<LastAct>();

/**
 * Does `work`. If rapido itself fails meanwhile, in there or anywhere else, `act` is done; a UserError of `work`
 * is for its caller.
 */
export async function withLastAct<Result>(
  act: LastAct,
  work: () => Promise<Result>,
): Promise<Result> {
  lastActs.add(act);
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UserError)) attempt(act, error);
    throw error;
  } finally {
    lastActs.delete(act);
  }
}

/** Puts in order what can be, for a process that is about to end: an error came where nobody expects one. */
export function cleanUpAfterFailure(error: unknown): void {
  for (const act of lastActs) attempt(act, error);
  lastActs.clear();
  removeOwnTemporaries();
}

/** The error that began it is the one to tell. */
function attempt(act: LastAct, error: unknown): void {
  try {
    act(error);
  } catch {}
}
