import { linkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod/mini';
import type { PortForward } from '../conf/network-values.ts';
import { errorCode, UsageError, UserError } from '../errors.ts';
import { orAbsent, parseJson } from '../sys/json.ts';
import { withLock } from '../sys/lock.ts';
import { makePrivateDirectory } from '../sys/private-directory.ts';
import { identifyProcess, identifySelf, isAliveFor } from '../sys/process-identity.ts';
import { processIdentity } from '../sys/process-schema.ts';
import { readRegularFile } from '../sys/regular-file.ts';
import { listIfReachable, lstatIfReachable } from '../sys/stat.ts';
import { temporaryNameFor, writeFileAtomic } from '../sys/temporary.ts';
import { findUntrusted, hintForUntrusted, trustOf } from '../sys/trust.ts';
import type { VmDisk } from './disks.ts';

/*
 * The directory of running VMs may be shared by several users, as /tmp is. Only files of this user about processes of
 * this user are trusted. The numbers of other users' VMs are merely avoided.
 */

const portForward: z.ZodMiniType<PortForward> = z.object({
  protocol: z.enum(['tcp', 'udp']),
  host: z.int(),
  guest: z.int(),
});

const vmDisk: z.ZodMiniType<VmDisk> = z.object({
  path: z.string(),
  identity: z.string(),
  readonly: z.boolean(),
});

/**
 * - `starting`: its autorun scripts have not ended.
 * - `ready`: they have ended, and there is a shell at its console.
 * - `testing`: it belongs to a `rapido run`.
 */
const vmState = z.enum(['starting', 'ready', 'testing']);

export type VmState = z.infer<typeof vmState>;

/** Where a debugger finds the symbols of a kernel. */
const vmKernel = z.object({
  /** The build tree. */
  tree: orAbsent(z.string()),
  /** The directory with its modules. */
  modules: orAbsent(z.string()),
  /** Whether it may be at other addresses than its symbols (KASLR). */
  isRandomized: z.boolean(),
});

/** Fields with a default are later ones: an older rapido that is still running may not have written them. */
const vmEntry = z.object({
  version: z.literal(1),
  number: z.int(),
  hostname: z.string(),
  cut: z.string(),
  kernelRelease: z.string(),
  /** The rapido process that watches the VM; QEMU ends with it. */
  owner: processIdentity,
  /** undefined: QEMU has not been started yet. */
  qemu: orAbsent(processIdentity),
  consoleLog: z.string(),
  monitorSocket: z.string(),
  pidFile: z.string(),
  /** The socket on which its rapido serves requests (`vm-requests.ts`); undefined: a VM of `rapido run`. */
  requestSocket: orAbsent(z.string()),
  state: z._default(vmState, 'ready'),
  /** Its addresses in a network that it shares with the host and other VMs. */
  addresses: z._default(z.array(z.string()), []),
  /** Ports of this host that are forwarded to it. */
  forwards: z._default(z.array(portForward), []),
  /** Path of the image that it booted. */
  image: z._default(z.string(), ''),
  kernel: z.optional(vmKernel),
  disks: z._default(z.array(vmDisk), []),
  /** Its tap devices, which no other VM can use. */
  taps: z._default(z.array(z.string()), []),
  /** ISO 8601. */
  since: z.string(),
});

/** A running VM, as other processes see it. */
export type VmEntry = z.infer<typeof vmEntry>;

/** The files of a VM in the directory of the registry. */
export interface VmFiles {
  entry: string;
  monitorSocket: string;
  requestSocket: string;
  /** Where a debugger connects; exists only once one has been asked for. */
  gdbSocket: string;
  /** Has the same name as in the original tool. */
  pidFile: string;
}

/** The limit for the path of a Unix socket, unix(7): 108 bytes including the NUL. */
const SOCKET_PATH_BYTES = 107;

/** @throws UsageError if the path is too long for a Unix socket */
export function requireSocketPath(path: string): string {
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES) return path;
  throw new UsageError(`${path}: the path is too long for a Unix socket`, {
    hint: `set QEMU_PID_DIR to a directory with a shorter path: ${SOCKET_PATH_BYTES} bytes at most`,
  });
}

/** @throws UsageError if the path of the directory is too long for a Unix socket in it */
export function vmFiles(directory: string, number: number): VmFiles {
  const monitorSocket = requireSocketPath(join(directory, `vm${number}.qmp`));
  return {
    entry: join(directory, `vm${number}.json`),
    monitorSocket,
    requestSocket: join(directory, `vm${number}.ask`),
    gdbSocket: join(directory, `vm${number}.gdb`),
    pidFile: join(directory, `rapido_vm${number}.pid`),
  };
}

/**
 * Claims a VM number and registers the VM that `describe` returns for it. Also removes the entries of dead VMs.
 * @param wanted the number to claim; undefined: the lowest free number
 * @throws UserError if the wanted number is taken, or other users could replace files in the directory
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

/** In a shared directory, each user has a lock file of their own: a user who can open a lock can hold it forever. */
function lockFile(directory: string): string {
  const { uid, mode } = statSync(directory);
  const isShared = uid !== ownUid() || (mode & 0o022) !== 0;
  return join(directory, isShared ? `lock-${ownUid()}` : 'lock');
}

/** @throws UsageError if other users could replace files in the directory */
export function refuseUnsafe(directory: string): void {
  const untrusted = findUntrusted(directory, trustOf(process.env), { mayBeShared: true });
  if (untrusted === undefined) return;
  const isOwn = lstatIfReachable(untrusted.path)?.uid === ownUid();
  throw new UsageError(
    `${directory}: VMs cannot be registered there: ${untrusted.path} ${untrusted.why}`,
    {
      hint: isOwn
        ? `chmod +t ${untrusted.path}, so that users cannot replace each other's files, or set QEMU_PID_DIR to another directory`
        : `set QEMU_PID_DIR to a directory of your own; ${hintForUntrusted(directory)}`,
    },
  );
}

function refuseTaken(directory: string, number: number): UserError {
  const isOwn = listVms(directory).some((vm) => vm.number === number);
  return isOwn
    ? new UserError(`VM ${number} is already running`, { hint: `rapido stop ${number}` })
    : new UserError(
        `VM ${number} is taken: its files in ${directory} belong to another user or another rapido version`,
        { hint: 'use another number, or set QEMU_PID_DIR to a directory of your own' },
      );
}

/** @returns false if another user has claimed the number meanwhile */
function enter(files: VmFiles, entry: VmEntry): boolean {
  // QEMU follows a symbolic link at the path of its pid file, so rapido creates the file first.
  const temporary = temporaryNameFor(files.entry);
  try {
    writeFileSync(files.pidFile, '', { flag: 'wx', mode: 0o600 });
    writeFileSync(temporary, JSON.stringify(entry), { flag: 'wx', mode: 0o600 });
    // Unlike a rename, a link does not replace an existing file.
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

/** Replaces the entry of a number that this process has claimed. */
export function updateEntry(directory: string, entry: VmEntry): void {
  writeFileAtomic(vmFiles(directory, entry.number).entry, JSON.stringify(entry));
}

export function releaseNumber(directory: string, number: number): void {
  removeFiles(vmFiles(directory, number));
}

function removeFiles(files: VmFiles): void {
  // The entry is last: without it, the number is free, and the other files may belong to the next VM.
  const { monitorSocket, requestSocket, gdbSocket, pidFile, entry } = files;
  for (const file of [monitorSocket, requestSocket, gdbSocket, pidFile, entry]) {
    if (lstatIfReachable(file)?.uid === ownUid()) rmSync(file, { force: true });
  }
}

function ownUid(): number {
  return process.geteuid?.() ?? 0;
}

/**
 * Lists the running VMs: those whose rapido or QEMU is alive.
 * @param uid the user whose VMs are listed; the entries of other users are ignored
 */
export function listVms(directory: string, uid = ownUid()): VmEntry[] {
  return numbersIn(directory)
    .map((number) => readEntry(directory, number, uid))
    .filter((entry) => entry !== undefined)
    .filter((entry) => isRunning(entry, uid))
    .sort((a, b) => a.number - b.number);
}

/** Removes the files of dead VMs of this user. @returns the numbers that are not free */
function surveyNumbers(directory: string): Set<number> {
  const uid = ownUid();
  const taken = new Set<number>();
  for (const number of numbersIn(directory)) {
    const files = vmFiles(directory, number);
    if (isDead(directory, number, uid)) removeFiles(files);
    // Files that still exist belong to a running VM, or to another user.
    if (Object.values(files).some((file) => lstatIfReachable(file) !== undefined)) {
      taken.add(number);
    }
  }
  return taken;
}

/**
 * Whether the files of this user for a number may be removed. An entry that cannot be read comes from another version
 * of rapido, and its VM may be alive. Files without an entry are remains of a dead VM.
 */
function isDead(directory: string, number: number, uid: number): boolean {
  const { entry: path, pidFile } = vmFiles(directory, number);
  const entry = readEntry(directory, number, uid);
  if (entry !== undefined) return !isRunning(entry, uid);
  return lstatIfReachable(path)?.uid !== uid && !namesProcess(pidFile, uid);
}

/** Whether a pid file names a running process. The original tool registers a VM only by its pid file. */
function namesProcess(pidFile: string, uid: number): boolean {
  const text = readRegularFile(pidFile, { limit: 64, isAcceptable: (stats) => stats.uid === uid });
  const process = identifyProcess(Number(text?.toString().trim() || 0));
  return process !== undefined && isAliveFor(uid, process);
}

function isRunning({ owner, qemu }: VmEntry, uid: number): boolean {
  return isAliveFor(uid, owner) || (qemu !== undefined && isAliveFor(uid, qemu));
}

/** The numbers for which any user has a file. */
function numbersIn(directory: string): number[] {
  const numbers = listIfReachable(directory).flatMap((name) => {
    const [, vm, pidFile] = VM_FILE.exec(name) ?? [];
    return vm === undefined && pidFile === undefined ? [] : [Number(vm ?? pidFile)];
  });
  return [...new Set(numbers)];
}

/** Matches the names that `vmFiles` returns. */
const VM_FILE = /^(?:vm(\d+)\.(?:json|qmp|ask|gdb)|rapido_vm(\d+)\.pid)$/;

/** The size limit for reading an entry, in bytes; real entries are much smaller. */
const LARGEST_ENTRY = 1024 * 1024;

/** Entries are written atomically, by rapido itself. Those of an unknown version are ignored. */
function readEntry(directory: string, number: number, uid: number): VmEntry | undefined {
  const data = readRegularFile(vmFiles(directory, number).entry, {
    limit: LARGEST_ENTRY,
    isAcceptable: (stats) => stats.uid === uid,
  });
  const entry = parseJson(vmEntry, data?.toString() ?? '');
  return entry?.number === number ? entry : undefined;
}
