import { readFileSync } from 'node:fs';
import { UserError } from '../errors.ts';

/** A process for good: a pid alone may be taken over by another process. */
export interface ProcessIdentity {
  pid: number;
  /** Clock ticks after boot at which it started: field 22 of /proc/PID/stat, proc(5). */
  startTime: string;
}

/** @returns undefined when there is no such process, or it is a zombie. */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The second field is the name in parentheses and may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  const startTime = fields[19];
  return state === 'Z' || startTime === undefined ? undefined : { pid, startTime };
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.startTime === identity.startTime;
}

/** This very process. */
export function identifySelf(): ProcessIdentity {
  const identity = identifyProcess(process.pid);
  if (identity === undefined) {
    throw new UserError('/proc is not mounted', { hint: 'mount -t proc proc /proc' });
  }
  return identity;
}
