import { constants } from 'node:os';
import { endTools } from './exec.ts';
import { removeOwnTemporaries } from './temporary.ts';

/** Signals by which a user or a session ends a program. */
export const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export type EndingSignal = (typeof ENDING_SIGNALS)[number];

/** Exit status of a shell for a process that a signal ended. */
export function signalStatus(signal: EndingSignal): number {
  return 128 + constants.signals[signal];
}

/**
 * Does `work`; if a signal ends the process meanwhile, nothing half-written stays behind.
 * @param onSignal what else is to be done then, and the exit status; without it, that of a shell
 */
export async function cleaningUpOnSignals<T>(
  work: () => Promise<T>,
  onSignal: (signal: EndingSignal) => number = signalStatus,
): Promise<T> {
  let isEnding = false;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    // What still runs would go on writing; a second signal does not wait for it.
    if (!isEnding) {
      isEnding = true;
      await endTools();
    }
    removeOwnTemporaries();
    process.exit(onSignal(signal as EndingSignal));
  };
  for (const signal of ENDING_SIGNALS) process.on(signal, end);
  try {
    return await work();
  } finally {
    for (const signal of ENDING_SIGNALS) process.off(signal, end);
  }
}
