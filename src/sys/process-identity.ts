import { readFileSync } from 'node:fs';
import { UserError } from '../errors.ts';
import { readTextIfReachable } from './stat.ts';

/** Identifies a process for good: the kernel may reuse a PID alone. */
export interface ProcessIdentity {
  pid: number;
  /** Clock ticks after boot at which it started: field 22 of /proc/PID/stat, proc(5). */
  startTime: string;
}

/** @returns undefined if there is no such process, or it is a zombie */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const fields = readStat(pid);
  const [state] = fields;
  const startTime = fields[19];
  return state === 'Z' || startTime === undefined ? undefined : { pid, startTime };
}

/** @returns the fields of /proc/PID/stat from the third, `state` (proc(5)); none if there is no such process */
function readStat(pid: number): string[] {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return [];
  }
  // The second field is the name in parentheses, which may itself contain spaces and parentheses.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Whether rapido's process group (`pgrp`) is the foreground group of its terminal (`tpgid`). */
export function isInForeground(): boolean {
  const [, , processGroup, , , inForeground] = readStat(process.pid);
  return processGroup !== undefined && processGroup === inForeground;
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.startTime === identity.startTime;
}

/** Whether it is alive and belongs to that user. No other process may be trusted or killed. */
export function isAliveFor(uid: number, identity: ProcessIdentity): boolean {
  return isAlive(identity) && userOf(identity.pid) === uid;
}

/**
 * The real UID of a process: field `Uid` of /proc/PID/status, proc(5). The owner of /proc/PID is not used, because
 * it is root if the program has file capabilities, as QEMU may have for networks.
 */
function userOf(pid: number): number | undefined {
  const uid = /^Uid:\t(\d+)/m.exec(readTextIfReachable(`/proc/${pid}/status`) ?? '')?.[1];
  return uid === undefined ? undefined : Number(uid);
}

/** Identifies this process. @throws UserError if /proc is not mounted */
export function identifySelf(): ProcessIdentity {
  const identity = identifyProcess(process.pid);
  if (identity === undefined) {
    throw new UserError('/proc is not mounted', { hint: 'mount -t proc proc /proc' });
  }
  return identity;
}
