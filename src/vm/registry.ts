import { linkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PortForward } from '../conf/network-values.ts';
import { errorCode, UsageError, UserError } from '../errors.ts';
import { withLock } from '../sys/lock.ts';
import { makePrivateDirectory } from '../sys/private-directory.ts';
import {
  identifyProcess,
  identifySelf,
  isAliveFor,
  type ProcessIdentity,
} from '../sys/process-identity.ts';
import { readRegularFile } from '../sys/regular-file.ts';
import { listIfReachable, lstatIfReachable } from '../sys/stat.ts';
import { temporaryNameFor, writeFileAtomic } from '../sys/temporary.ts';
import { findStranger, hintForStranger, trustOf } from '../sys/trust.ts';
import type { VmDisk } from './disks.ts';

/*
 * The directory of running VMs may be one that several users share, as /tmp is. What counts there are
 * files of this user about processes of this user; numbers that others have are only avoided.
 */

/** A running VM, as other processes see it. */
export interface VmEntry {
  version: 1;
  number: number;
  hostname: string;
  cut: string;
  kernelRelease: string;
  /** The rapido that watches it; QEMU ends with it. */
  owner: ProcessIdentity;
  /** undefined until it has been started. */
  qemu: ProcessIdentity | undefined;
  consoleLog: string;
  monitorSocket: string;
  pidFile: string;
  /** Where its rapido does what others ask (`vm-requests.ts`); undefined: a VM of `rapido run`. */
  requestSocket: string | undefined;
  state: VmState;
  /** Its addresses in a network that others are in, too. */
  addresses: string[];
  /** Ports of this host that lead into it. */
  forwards: PortForward[];
  /** Path of the image that it booted. */
  image: string;
  disks: VmDisk[];
  /** Its tap devices, which no other VM can have. */
  taps: string[];
  /** ISO 8601. */
  since: string;
}

/**
 * - `starting`: its autorun scripts have not ended.
 * - `ready`: they have, and a shell stands at its console.
 * - `testing`: it belongs to a `rapido run`.
 */
export type VmState = 'starting' | 'ready' | 'testing';

/** The files of VM `number` in the registry's directory. */
export interface VmFiles {
  entry: string;
  monitorSocket: string;
  requestSocket: string;
  /** The name that the original tool gives it. */
  pidFile: string;
}

/** Longest path of a Unix socket, unix(7): 108 bytes with the NUL. */
const SOCKET_PATH_BYTES = 107;

/** @throws UsageError when the path is too long for a socket */
export function requireSocketPath(path: string): string {
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES) return path;
  throw new UsageError(`${path}: too long for the path of a socket`, {
    hint: `set QEMU_PID_DIR to a directory with a shorter path: ${SOCKET_PATH_BYTES} bytes at most`,
  });
}

/** @throws UsageError when the directory's path is too long for a socket in it */
export function vmFiles(directory: string, number: number): VmFiles {
  const monitorSocket = requireSocketPath(join(directory, `vm${number}.qmp`));
  return {
    entry: join(directory, `vm${number}.json`),
    monitorSocket,
    requestSocket: join(directory, `vm${number}.ask`),
    pidFile: join(directory, `rapido_vm${number}.pid`),
  };
}

/**
 * Takes a VM number, the lowest that is free unless one is `wanted`, and enters what `describe` makes of
 * it. Entries of dead VMs are cleared away on the way.
 * @throws UserError when the wanted one is taken, or others could replace files in the directory
 */
export async function claimNumber(
  directory: string,
  describe: (number: number, files: VmFiles) => Omit<VmEntry, 'version' | 'number' | 'owner'>,
  wanted?: number,
): Promise<VmEntry> {
  makePrivateDirectory(directory);
  refuseUnsafe(directory);
  return withLock(lockFile(directory), () => {
    const taken = surveyNumbers(directory);
    for (let number = wanted ?? 1; ; number++) {
      if (!taken.has(number)) {
        const files = vmFiles(directory, number);
        const entry: VmEntry = {
          version: 1,
          number,
          owner: identifySelf(),
          ...describe(number, files),
        };
        if (enter(files, entry)) return entry;
      }
      if (number === wanted) throw refuseTaken(directory, number);
    }
  });
}

/** One for each user where several share the directory: who can open a lock can hold it for good. */
function lockFile(directory: string): string {
  const { uid, mode } = statSync(directory);
  const isShared = uid !== ownUid() || (mode & 0o022) !== 0;
  return join(directory, isShared ? `lock-${ownUid()}` : 'lock');
}

/** @throws UserError where others could replace what is in the directory */
export function refuseUnsafe(directory: string): void {
  const stranger = findStranger(directory, trustOf(process.env), { mayBeShared: true });
  if (stranger === undefined) return;
  const isOwn = lstatIfReachable(stranger.path)?.uid === ownUid();
  throw new UsageError(
    `${directory}: VMs cannot be registered there: ${stranger.path} ${stranger.why}`,
    {
      hint: isOwn
        ? `chmod +t ${stranger.path}: files in it are then their owners' (QEMU_PID_DIR names another directory)`
        : `set QEMU_PID_DIR to a directory of your own; ${hintForStranger(directory)}`,
    },
  );
}

function refuseTaken(directory: string, number: number): UserError {
  const isOwn = listVms(directory).some((vm) => vm.number === number);
  return isOwn
    ? new UserError(`VM ${number} is running already`, { hint: `rapido stop ${number}` })
    : new UserError(
        `VM ${number} is taken: files of it in ${directory} are another user's, or another version's`,
        { hint: 'take another number, or set QEMU_PID_DIR to a directory of your own' },
      );
}

/** @returns false when another user was faster */
function enter(files: VmFiles, entry: VmEntry): boolean {
  // QEMU follows what is at the path of its pid file.
  const temporary = temporaryNameFor(files.entry);
  try {
    writeFileSync(files.pidFile, '', { flag: 'wx', mode: 0o600 });
    writeFileSync(temporary, JSON.stringify(entry), { flag: 'wx', mode: 0o600 });
    // Unlike a rename, it replaces nothing.
    linkSync(temporary, files.entry);
    return true;
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    removeFiles({ ...files, entry: temporary });
    return false;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Replaces the entry of a number that this process holds. */
export function updateEntry(directory: string, entry: VmEntry): void {
  writeFileAtomic(vmFiles(directory, entry.number).entry, JSON.stringify(entry));
}

export function releaseNumber(directory: string, number: number): void {
  removeFiles(vmFiles(directory, number));
}

function removeFiles(files: VmFiles): void {
  // The entry last: without it the number is free, and the other files may be the next VM's.
  for (const file of [files.monitorSocket, files.requestSocket, files.pidFile, files.entry]) {
    if (lstatIfReachable(file)?.uid === ownUid()) rmSync(file, { force: true });
  }
}

function ownUid(): number {
  return process.geteuid?.() ?? 0;
}

/**
 * VMs that are alive: the rapido that made them, or their QEMU.
 * @param uid whose VMs; those of others are not believed
 */
export function listVms(directory: string, uid = ownUid()): VmEntry[] {
  return numbersIn(directory)
    .map((number) => readEntry(directory, number, uid))
    .filter((entry) => entry !== undefined)
    .filter((entry) => isRunning(entry, uid))
    .sort((a, b) => a.number - b.number);
}

/** Clears away what dead VMs of this user have left. @returns the numbers that are not free */
function surveyNumbers(directory: string): Set<number> {
  const uid = ownUid();
  const taken = new Set<number>();
  for (const number of numbersIn(directory)) {
    const files = vmFiles(directory, number);
    if (isDead(directory, number, uid)) removeFiles(files);
    // What is left is another user's.
    if (Object.values(files).some((file) => lstatIfReachable(file) !== undefined)) {
      taken.add(number);
    }
  }
  return taken;
}

/**
 * Whether all that this user has of a number may go. An entry that cannot be read is of another version
 * of rapido, and its VM may be alive; files without an entry are left over.
 */
function isDead(directory: string, number: number, uid: number): boolean {
  const { entry: path, pidFile } = vmFiles(directory, number);
  const entry = readEntry(directory, number, uid);
  if (entry !== undefined) return !isRunning(entry, uid);
  return lstatIfReachable(path)?.uid !== uid && !namesProcess(pidFile, uid);
}

/** The original tool enters a VM by its pid file alone. */
function namesProcess(pidFile: string, uid: number): boolean {
  const text = readRegularFile(pidFile, { limit: 64, isAcceptable: (stats) => stats.uid === uid });
  const process = identifyProcess(Number(text?.toString().trim() || 0));
  return process !== undefined && isAliveFor(uid, process);
}

function isRunning({ owner, qemu }: VmEntry, uid: number): boolean {
  return isAliveFor(uid, owner) || (qemu !== undefined && isAliveFor(uid, qemu));
}

/** Numbers of which there is a file, whosever it is. */
function numbersIn(directory: string): number[] {
  const numbers = listIfReachable(directory).flatMap((name) => {
    const [, vm, pidFile] = VM_FILE.exec(name) ?? [];
    return vm === undefined && pidFile === undefined ? [] : [Number(vm ?? pidFile)];
  });
  return [...new Set(numbers)];
}

/** The names of `vmFiles`. */
const VM_FILE = /^(?:vm(\d+)\.(?:json|qmp|ask)|rapido_vm(\d+)\.pid)$/;

/** No entry is nearly as large, in bytes. */
const LARGEST_ENTRY = 1024 * 1024;

const LATER_FIELDS = {
  image: '',
  disks: [],
  taps: [],
  addresses: [],
  forwards: [],
  state: 'ready' as const,
  requestSocket: undefined,
};

/** Entries are only ever written whole, by rapido itself; a version of the future is not ours. */
function readEntry(directory: string, number: number, uid: number): VmEntry | undefined {
  const data = readRegularFile(vmFiles(directory, number).entry, {
    limit: LARGEST_ENTRY,
    isAcceptable: (stats) => stats.uid === uid,
  });
  try {
    const entry: VmEntry = JSON.parse(data?.toString() ?? '');
    const { version, owner, qemu } = entry;
    if (version !== 1 || entry.number !== number) return undefined;
    if (!isIdentity(owner) || (qemu !== undefined && !isIdentity(qemu))) return undefined;
    // A rapido before this one, still running, knew nothing of the first ones.
    return { ...LATER_FIELDS, ...entry };
  } catch {
    return undefined;
  }
}

/** Signals for pid 0, or a negative one, go to many processes. */
function isIdentity({ pid, startTime }: ProcessIdentity): boolean {
  return Number.isSafeInteger(pid) && pid > 0 && typeof startTime === 'string';
}
