import { architectureOf } from '../../src/host/architecture.ts';
import type { VmSpec } from '../../src/vm/plan.ts';

/** The request of `rapido boot` at a terminal on an x86_64 host with KVM, with changes. */
export function makeSpec(changes: Partial<VmSpec> = {}): VmSpec {
  return {
    number: 1,
    hostname: undefined,
    architecture: architectureOf('x64'),
    kvm: { usable: true },
    accelerator: 'auto',
    cpu: undefined,
    cpus: 2,
    memory: 512 * 1024 * 1024,
    memoryToUnpack: 256 * 1024 * 1024,
    kernel: '/linux/arch/x86/boot/bzImage',
    initramfs: '/cache/images/simple-example.img',
    consoleLog: '/state/vm1/console.log',
    monitorSocket: '/run/vm1.qmp',
    pidFile: '/run/rapido_vm1.pid',
    gdbSocket: undefined,
    sharedDirectory: undefined,
    directories: [],
    disks: [],
    network: undefined,
    channel: 'virtio',
    extraArguments: [],
    extraParameters: undefined,
    dynamicDebug: { modules: [], files: [] },
    terminal: { rows: 50, columns: 132, type: 'xterm-256color' },
    detached: false,
    session: undefined,
    ...changes,
  };
}
