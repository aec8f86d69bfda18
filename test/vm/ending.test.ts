import { expect, test } from 'vitest';
import { failedAutoruns, hintFor, judgeEnding, type VmRecord } from '../../src/vm/ending.ts';

// What QEMU prints, 7.2 and later.
test.each([
  ['error: failed to set MSR 0x10a to 0x0', 'VM_CPU'],
  ['kvm_buf_set_msrs: Assertion `ret == cpu->kvm_msr_buf->nmsrs` failed.', 'VM_CPU'],
  ["qemu-system-x86_64: Host doesn't support requested features", 'VM_CPU'],
  ['Could not access KVM kernel module: No such file or directory', 'VM_ACCEL="tcg"'],
  ['failed to initialize kvm: Permission denied', 'VM_ACCEL="tcg"'],
  ["cannot set up guest memory 'pc.ram': Cannot allocate memory", '--memory'],
  ['-nosuch: invalid option', 'QEMU_EXTRA_ARGS'],
  ["-device foo: 'foo' is not a valid device model name", 'QEMU_EXTRA_ARGS'],
  ['-drive file=a.img: Failed to get "write" lock', 'another VM'],
  ["qemu: could not open kernel file '/boot/vmlinuz': Permission denied", 'KERNEL_SRC'],
  ['qemu: invalid kernel header', 'KERNEL_SRC'],
  ["unable to find CPU model 'nosuch'", 'VM_CPU'],
  ['setpriv: failed to execute qemu-system-x86_64: No such file or directory', 'rapido doctor'],
])('%s', (said, hint) => {
  expect(hintFor(`qemu-system-x86_64: ${said}\n`)).toContain(hint);
});

test('gives no hint for what QEMU did not print, or only warned of', () => {
  const warning = "warning: TCG doesn't support requested feature: CPUID.01H:ECX.vmx [bit 5]";
  expect(hintFor(`qemu-system-x86_64: ${warning}\n`)).toBeUndefined();
  expect(hintFor('')).toBeUndefined();
  expect(hintFor('qemu-system-x86_64: the moon is full\n')).toBeUndefined();
});

test('autorun scripts that failed, in order, with their status', () => {
  expect(
    failedAutoruns([
      { event: 'autorun-end', script: 'a.sh', status: 0 },
      { event: 'autorun-end', script: 'b.sh', status: 1 },
      { event: 'power-off', taint: 0, left: 0 },
      { event: 'autorun-end', script: 'c.sh', status: 127 },
    ]).map(({ script, status }) => `${script} ${status}`),
  ).toEqual(['b.sh 1', 'c.sh 127']);
});

const ABORTED: VmRecord = {
  exit: { signal: 'SIGABRT' },
  qemuSaid: 'kvm_buf_set_msrs: Assertion `ret == cpu->kvm_msr_buf->nmsrs` failed.\n',
  shutdown: undefined,
  events: [],
  consoleTail: '',
  interruptedBy: undefined,
};

test('a QEMU that aborts before the guest has printed anything did not start the VM', () => {
  expect(judgeEnding(ABORTED)).toEqual({ kind: 'not-started' });
});

test.each<[string, Partial<VmRecord>]>([
  ['after output of the guest', { consoleTail: '[    0.000000] Linux version' }],
  ['after an event of the guest', { events: [{ event: 'init', uptime: 1 }] }],
  ['without a message', { qemuSaid: '' }],
  ['by another signal', { exit: { signal: 'SIGKILL' } }],
])('a QEMU that ends %s was lost', (_, changes) => {
  expect(judgeEnding({ ...ABORTED, ...changes }).kind).toBe('lost');
});
