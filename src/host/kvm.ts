import { closeSync, constants, openSync } from 'node:fs';
import { errorCode } from '../errors.ts';
import { readTextIfReachable } from '../sys/stat.ts';
import type { Architecture } from './architecture.ts';

/** Whether KVM can run a guest here, and if not, why, in half a sentence. */
export type KvmState =
  | { usable: true }
  /** `deviceOpens`: only the CPU's flags speak against it. */
  | { usable: false; reason: string; deviceOpens: boolean };

const DEVICE = '/dev/kvm';

/**
 * KVM works only where the device opens read-write *and* the CPU says that it can: some hosts have
 * a /dev/kvm on which KVM_CREATE_VM succeeds and whose guests then never run.
 */
export function probeKvm(architecture: Architecture): KvmState {
  try {
    closeSync(openSync(DEVICE, constants.O_RDWR));
  } catch (error) {
    return { usable: false, reason: describeOpenError(error), deviceOpens: false };
  }
  return judgeCpuFlags(architecture, readTextIfReachable('/proc/cpuinfo') ?? '');
}

function describeOpenError(error: unknown): string {
  switch (errorCode(error)) {
    case 'ENOENT':
      return `there is no ${DEVICE}`;
    case 'EACCES':
    case 'EPERM':
      return `this user may not open ${DEVICE} (is it in the group kvm?)`;
    default:
      return `${DEVICE} cannot be opened (${errorCode(error)})`;
  }
}

/** @param cpuinfo text of /proc/cpuinfo */
export function judgeCpuFlags(architecture: Architecture, cpuinfo: string): KvmState {
  if (architecture.kvmFlags.length === 0) return { usable: true };
  const flags = new Set(/^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]?.trim().split(/\s+/));
  if (architecture.kvmFlags.some((flag) => flags.has(flag))) return { usable: true };
  return {
    usable: false,
    reason: `the CPU has no ${architecture.kvmFlags.join(' or ')}, so ${DEVICE} cannot run guests`,
    deviceOpens: true,
  };
}
