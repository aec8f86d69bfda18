import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findMounts } from '../../src/host/mounts.ts';
import { waitUntil } from '../../src/sys/awake-clock.ts';
import { isInside } from '../../src/sys/paths.ts';
import { identifyProcess, isAlive, type ProcessIdentity } from '../../src/sys/process-identity.ts';
import { listIfReachable, readTextIfReachable } from '../../src/sys/stat.ts';
import { listVms } from '../../src/vm/registry.ts';

/*
 * What tests may leave behind. A test that fails does not reach its `rapido stop`, and a test that is killed does not
 * even reach its hooks, so the next start of the tests (sweep.ts) removes what killed ones left.
 */

/** With the PID of the process that runs the test. The paths of tests contain a space, as paths may. */
const DIRECTORY = /^rapido test-(\d+)-\w{6}$/;

/** Makes a directory for a test, whose remains `removeRemains` finds. */
export function makeTestDirectory(): string {
  return realpathSync(mkdtempSync(join(tmpdir(), `rapido test-${process.pid}-`)));
}

/** Kills the VMs that rapido registered in a directory, with the rapido processes to which they belong. */
export async function killVms(registry: string): Promise<void> {
  const processes = listVms(registry).flatMap(({ owner, qemu }) =>
    qemu === undefined ? [owner] : [owner, qemu],
  );
  await killProcesses(processes);
}

/**
 * Removes the directory of a test. First, it kills the processes that still know the directory, such as detached VMs,
 * and unmounts what is mounted in it.
 */
export async function removeRemains(directory: string): Promise<void> {
  await killProcesses(findUsers(directory));
  for (const mount of findMounts().toReversed()) {
    // Lazily: a process of another user may still be there.
    if (isInside(mount.directory, directory)) execFileSync('umount', ['--lazy', mount.directory]);
  }
  rmSync(directory, { recursive: true, force: true });
}

/** Removes the directories of tests whose process was killed. */
export async function removeRemainsOfKilledTests(): Promise<void> {
  for (const name of listIfReachable(tmpdir())) {
    const pid = DIRECTORY.exec(name)?.[1];
    if (pid === undefined || identifyProcess(Number(pid)) !== undefined) continue;
    // Not those of another user.
    await removeRemains(join(tmpdir(), name)).catch(() => {});
  }
}

/** The processes that have the directory in their environment or arguments. */
function findUsers(directory: string): ProcessIdentity[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) =>
      ['environ', 'cmdline'].some((file) =>
        readTextIfReachable(`/proc/${pid}/${file}`)?.includes(directory),
      ),
    )
    .flatMap((pid) => identifyProcess(Number(pid)) ?? []);
}

async function killProcesses(processes: readonly ProcessIdentity[]): Promise<void> {
  for (const { pid } of processes) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {} // It has just ended.
  }
  await waitUntil(5000, () => !processes.some(isAlive));
}
