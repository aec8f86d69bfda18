import { closeSync, constants, openSync } from 'node:fs';
import { describeErrorCode, errorCode } from '../errors.ts';
import { readTextIfReachable, statIfReachable } from '../sys/stat.ts';
import type { Architecture } from './architecture.ts';

/** Whether KVM can run a guest on this host; if not, the reason in a few words. */
export type KvmState =
  | { usable: true }
  /** `deviceOpens`: /dev/kvm can be opened, but the CPU lacks the flags. `remedy`: a command that helps. */
  | { usable: false; reason: string; deviceOpens: boolean; remedy?: string };

const DEVICE = '/dev/kvm';

/**
 * KVM is usable only if the device can be opened read-write *and* the CPU has the flags: on some hosts,
 * KVM_CREATE_VM succeeds, but guests never run. A missing CPU flag is reported first, because permissions do not
 * help then.
 */
export function probeKvm(architecture: Architecture): KvmState {
  const refusal = openDevice();
  const cpu = judgeCpuFlags(architecture, readTextIfReachable('/proc/cpuinfo') ?? '');
  if (!cpu.usable) return { ...cpu, deviceOpens: refusal === undefined };
  return refusal === undefined ? cpu : { usable: false, deviceOpens: false, ...refusal };
}

function openDevice(): { reason: string; remedy?: string } | undefined {
  try {
    closeSync(openSync(DEVICE, constants.O_RDWR));
    return undefined;
  } catch (error) {
    switch (errorCode(error)) {
      case 'ENOENT':
        return { reason: `${DEVICE} does not exist` };
      case 'EACCES':
      case 'EPERM':
        return { reason: `cannot open ${DEVICE}: permission denied`, remedy: permissionRemedy() };
      default:
        return { reason: `cannot open ${DEVICE}: ${describeErrorCode(error)}` };
    }
  }
}

/** Distributions give the device to the group kvm; in a container, the group may be different. */
function permissionRemedy(): string {
  const gid = statIfReachable(DEVICE)?.gid;
  const kvm = /^kvm:[^:]*:(\d+):/m.exec(readTextIfReachable('/etc/group') ?? '')?.[1];
  return String(gid) === kvm
    ? 'sudo usermod -aG kvm $USER, and log in again'
    : `sudo setfacl -m u:$USER:rw ${DEVICE}`;
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
