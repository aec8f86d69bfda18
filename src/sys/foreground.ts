import { once } from 'node:events';
import { constants } from 'node:os';
import { explainSpawnError, spawnProcess } from './spawn.ts';

/** Signals that a terminal sends to all programs in the foreground. The program handles them. */
const FROM_TERMINAL = ['SIGINT', 'SIGQUIT'] as const;

/** Signals that only this process gets. */
const PASSED_ON = ['SIGTERM', 'SIGHUP'] as const;

/**
 * Runs a program of the user with rapido's standard streams and environment, and waits until it has ended, also if
 * this process gets a signal.
 * @returns its exit status; 128 and the number of the signal if it was killed
 * @throws UserError if it cannot be executed
 */
export async function runInForeground(argv: readonly [string, ...string[]]): Promise<number> {
  const [file, ...args] = argv;
  const child = spawnProcess(file, args, { stdio: 'inherit' });
  const ignore = (): void => {};
  const passOn = (signal: NodeJS.Signals): void => {
    child.kill(signal);
  };
  for (const signal of FROM_TERMINAL) process.on(signal, ignore);
  for (const signal of PASSED_ON) process.on(signal, passOn);
  try {
    const [status, signal] = await once(child, 'exit').catch((cause) => {
      throw explainSpawnError(file, cause, `install ${file}`);
    });
    return status ?? 128 + constants.signals[signal as NodeJS.Signals];
  } finally {
    for (const signal of FROM_TERMINAL) process.off(signal, ignore);
    for (const signal of PASSED_ON) process.off(signal, passOn);
  }
}
