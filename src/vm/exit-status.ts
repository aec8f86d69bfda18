import { constants } from 'node:os';

/** Exit statuses of a shell for a program that it cannot execute or find. */
const NOT_EXECUTED: Readonly<Record<number, string>> = {
  126: 'cannot execute',
  127: 'command not found',
};

/** SIGRTMAX of Linux. */
const LAST_SIGNAL = 64;

/** "exit status 127 (command not found)" */
export function describeExit(status: number): string {
  const meaning = meaningOfStatus(status);
  return `exit status ${status}${meaning === undefined ? '' : ` (${meaning})`}`;
}

/** What a shell means by an exit status, if it is not the command's own. */
export function meaningOfStatus(status: number): string | undefined {
  const signal = status - 128;
  const named = Object.entries(constants.signals).find(([, number]) => number === signal)?.[0];
  if (signal > 0 && signal <= LAST_SIGNAL) return `killed by ${named ?? `signal ${signal}`}`;
  return NOT_EXECUTED[status];
}
