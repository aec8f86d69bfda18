import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { PortForward } from '../conf/network-values.ts';
import { UsageError, UserError } from '../errors.ts';
import { withLock } from '../sys/lock.ts';
import { identifySelf, isAlive, type ProcessIdentity } from '../sys/process-identity.ts';
import { listIfReachable } from '../sys/stat.ts';
import { writeFileAtomic } from '../sys/temporary.ts';
import type { VmDisk } from './disks.ts';

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

/** @throws UsageError when the directory's path is too long for a socket in it */
export function vmFiles(directory: string, number: number): VmFiles {
  const monitorSocket = join(directory, `vm${number}.qmp`);
  if (Buffer.byteLength(monitorSocket) > SOCKET_PATH_BYTES) {
    throw new UsageError(`${monitorSocket}: too long for the path of a socket`, {
      hint: `set QEMU_PID_DIR to a directory with a shorter path: ${SOCKET_PATH_BYTES} bytes at most`,
    });
  }
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
 * @throws UserError when the wanted one is taken
 */
export async function claimNumber(
  directory: string,
  describe: (number: number, files: VmFiles) => Omit<VmEntry, 'version' | 'number' | 'owner'>,
  wanted?: number,
): Promise<VmEntry> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return withLock(join(directory, 'lock'), () => {
    const taken = new Set<number>();
    for (const known of entriesIn(directory)) {
      if (isProvablyDead(directory, known)) removeFiles(vmFiles(directory, known));
      else taken.add(known);
    }
    let number = wanted ?? 1;
    if (wanted !== undefined && taken.has(wanted)) {
      throw new UserError(`VM ${wanted} is running already`, { hint: `rapido stop ${wanted}` });
    }
    while (taken.has(number)) number++;
    const files = vmFiles(directory, number);
    const entry: VmEntry = {
      version: 1,
      number,
      owner: identifySelf(),
      ...describe(number, files),
    };
    writeFileAtomic(files.entry, JSON.stringify(entry));
    return entry;
  });
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
    rmSync(file, { force: true });
  }
}

/** VMs that are alive: the rapido that made them, or their QEMU. */
export function listVms(directory: string): VmEntry[] {
  return entriesIn(directory)
    .map((number) => readEntry(vmFiles(directory, number).entry))
    .filter((entry) => entry !== undefined)
    .filter(isRunning)
    .sort((a, b) => a.number - b.number);
}

/** An entry that cannot be read is another user's or of another version: its VM may be alive. */
function isProvablyDead(directory: string, number: number): boolean {
  const entry = readEntry(vmFiles(directory, number).entry);
  return entry !== undefined && !isRunning(entry);
}

function isRunning(entry: VmEntry): boolean {
  return isAlive(entry.owner) || (entry.qemu !== undefined && isAlive(entry.qemu));
}

/** Numbers that have an entry, whether its VM is alive or not. */
function entriesIn(directory: string): number[] {
  return listIfReachable(directory).flatMap((name) => {
    const number = /^vm(\d+)\.json$/.exec(name)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
}

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
function readEntry(path: string): VmEntry | undefined {
  try {
    const entry: VmEntry = JSON.parse(readFileSync(path, 'utf8'));
    // A rapido before this one, still running, knew nothing of the first ones.
    return entry.version === 1 ? { ...LATER_FIELDS, ...entry } : undefined;
  } catch {
    return undefined;
  }
}
