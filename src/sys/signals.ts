import { constants } from 'node:os';
import { endTools } from './exec.ts';
import { removeOwnTemporaries } from './temporary.ts';

/** Signals with which a user or the end of a session ends a program. */
export const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export type EndingSignal = (typeof ENDING_SIGNALS)[number];

/** The exit status that a shell reports for a process that was killed by the signal. */
export function signalStatus(signal: EndingSignal): number {
  return 128 + constants.signals[signal];
}

/**
 * Runs `work`. If a signal ends the process in the meantime, child processes are terminated and temporary files
 * are removed.
 * @param onSignal called before the process exits; returns the exit status. Default: the status of a shell
 */
export async function cleaningUpOnSignals<T>(
  work: () => Promise<T>,
  onSignal: (signal: EndingSignal) => number = signalStatus,
): Promise<T> {
  let isEnding = false;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    // Running tools would continue to write files. A second signal does not wait for them.
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
