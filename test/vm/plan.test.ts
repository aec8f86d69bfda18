import { describe, expect, test } from 'vitest';
import { isRandomized, planVm, type VmSpec } from '../../src/vm/plan.ts';
import { complaintOf } from '../support/complaint.ts';
import { makeSpec } from './vm-spec.ts';

const plan = (changes: Partial<VmSpec> = {}) => planVm(makeSpec(changes));
const parameters = (changes: Partial<VmSpec>): string => plan(changes).parameters.join(' ');

test('a plan is plain data that describes the whole VM', () => {
  const whole = plan();
  expect(JSON.parse(JSON.stringify(whole))).toEqual({
    ...whole,
    accelerator: { kind: 'kvm' },
    sharedDirectory: undefined,
  });
  expect(whole).toMatchInlineSnapshot(`
    {
      "accelerator": {
        "kind": "kvm",
        "reason": undefined,
      },
      "architecture": "x86_64",
      "channel": "virtio",
      "console": "terminal",
      "consoleLog": "/state/vm1/console.log",
      "cpu": "host",
      "cpus": 2,
      "directories": [],
      "disks": [],
      "extraArguments": [],
      "gdbSocket": undefined,
      "hostname": "rapido1",
      "initramfs": "/cache/images/simple-example.img",
      "interactive": true,
      "kernel": "/linux/arch/x86/boot/bzImage",
      "machine": undefined,
      "memory": 536870912,
      "memoryToUnpack": 268435456,
      "monitorSocket": "/run/vm1.qmp",
      "network": undefined,
      "number": 1,
      "parameters": [
        "console=ttyS0",
        "rdinit=/init",
        "panic=-1",
        "loglevel=5",
        "rapido.loglevel=7",
        "rapido.vm_num=1",
        "rapido.hostname=rapido1",
        "rapido.interactive=1",
        "rapido.tty=50x132",
        "rapido.term=xterm-256color",
      ],
      "pidFile": "/run/rapido_vm1.pid",
      "qemu": "qemu-system-x86_64",
      "session": undefined,
      "sharedDirectory": undefined,
      "version": 1,
    }
  `);
});

test('VMs are called rapido1, rapido2, … unless rapido.conf names them', () => {
  expect(plan({ number: 7 })).toMatchObject({ number: 7, hostname: 'rapido7' });
  const named = plan({ number: 7, hostname: 'server' });
  expect(named.hostname).toBe('server');
  expect(named.parameters).toEqual(
    expect.arrayContaining(['rapido.vm_num=7', 'rapido.hostname=server']),
  );
});

describe('the accelerator', () => {
  const noKvm = { usable: false, reason: 'there is no /dev/kvm', deviceOpens: false } as const;
  const noFlags = {
    usable: false,
    reason: 'the CPU has no vmx or svm',
    deviceOpens: true,
  } as const;

  test.each<[Partial<VmSpec>, string, string | undefined, string]>([
    [{ accelerator: 'auto' }, 'kvm', undefined, 'host'],
    [{ accelerator: 'kvm' }, 'kvm', undefined, 'host'],
    [{ accelerator: 'auto', kvm: noKvm }, 'tcg', 'there is no /dev/kvm', 'max'],
    [{ accelerator: 'tcg' }, 'tcg', undefined, 'max'],
    [{ accelerator: 'tcg', kvm: noKvm }, 'tcg', undefined, 'max'],
    [{ accelerator: 'auto', kvm: noFlags }, 'tcg', 'the CPU has no vmx or svm', 'max'],
    [{ accelerator: 'kvm', kvm: noFlags }, 'kvm', undefined, 'host'],
    [{ cpu: 'qemu64' }, 'kvm', undefined, 'qemu64'],
  ])('%j: %s, because %s, on the CPU %s', (changes, kind, reason, cpu) => {
    expect(plan(changes)).toMatchObject({ accelerator: { kind, reason }, cpu });
  });

  test('rejects KVM that is requested and cannot be used', async () => {
    const request = { accelerator: 'kvm' as const, kvm: noKvm };
    expect(await complaintOf(() => plan(request))).toMatchInlineSnapshot(`
      "rapido: error: VM_ACCEL: KVM does not work: there is no /dev/kvm
        hint: VM_ACCEL="auto" falls back to emulation"
    `);
  });
});

test('a kernel is at random addresses if it is configured so and unpacks itself', () => {
  const random = 'CONFIG_RELOCATABLE=y\nCONFIG_RANDOMIZE_BASE=y\n';
  const fixed = '# CONFIG_RANDOMIZE_BASE is not set\n';
  expect(isRandomized(plan({}), random)).toBe(true);
  expect(isRandomized(plan({}), undefined)).toBe(true);
  expect(isRandomized(plan({}), fixed)).toBe(false);
  expect(isRandomized(plan({ extraParameters: 'foo nokaslr' }), random)).toBe(false);
  expect(isRandomized(plan({ gdbSocket: '/run/vm1.gdb' }), random)).toBe(false);
  expect(isRandomized(plan({ kernel: '/cache/kernels/0123.vmlinux' }), random)).toBe(false);
});

describe('kernel parameters', () => {
  test.each(['loglevel=7', 'quiet', 'debug', 'ignore_loglevel', 'foo debug bar'])(
    'with %j the console shows what the user asks for',
    (own) => {
      expect(parameters({ extraParameters: own })).not.toMatch(/loglevel=5|rapido\.loglevel/);
      expect(parameters({ extraParameters: own })).toMatch(new RegExp(`${own}$`));
    },
  );

  test.each(['rapido.debug=1', 'no_debug_objects', 'quietly', 'debug_objects'])(
    'with %j it shows warnings until init runs, then everything',
    (own) => {
      expect(parameters({ extraParameters: own })).toContain('loglevel=5 rapido.loglevel=7');
    },
  );

  test('tell an emulated guest that it is, so that tests can extend their time limits', () => {
    const parameters = (accelerator: 'kvm' | 'tcg') =>
      JSON.stringify(plan({ accelerator })).includes('rapido.emulated=1');
    expect({ kvm: parameters('kvm'), tcg: parameters('tcg') }).toEqual({ kvm: false, tcg: true });
  });

  test('an emulated x86 kernel does not test its timer interrupt, which fails on a busy host', () => {
    expect(parameters({ accelerator: 'tcg' })).toContain(' no_timer_check ');
    expect(parameters({ accelerator: 'kvm' })).not.toContain('no_timer_check');
  });

  test("end with the user's own, which therefore take effect", () => {
    const own = 'panic=0 dyndbg="file drivers/usb/* +p"';
    expect(parameters({ extraParameters: own })).toMatch(/ panic=-1 .* panic=0 dyndbg="file .*"$/);
  });

  test('dynamic debug of modules and of files', () => {
    const dynamicDebug = { modules: ['xfs', 'btrfs'], files: ['fs/xfs/*', 'block/bio.c'] };
    expect(plan({ dynamicDebug }).parameters.filter((text) => text.includes('dyndbg'))).toEqual([
      'xfs.dyndbg=+pf',
      'btrfs.dyndbg=+pf',
      'dyndbg="file fs/xfs/* +pf; file block/bio.c +pf"',
    ]);
  });

  test('omit a terminal type that is not a word', () => {
    const terminal = { rows: 24, columns: 80, type: 'xterm rdinit=/bin/sh' };
    expect(parameters({ terminal })).not.toContain('rapido.term');
    expect(parameters({ terminal: { ...terminal, type: undefined } })).toContain('tty=24x80');
  });
});

test('rejects a command line that is too long for the kernel, with a hint', async () => {
  const complaint = await complaintOf(() =>
    planVm(makeSpec({ extraParameters: 'x'.repeat(2048) })),
  );
  expect(complaint).toContain('the limit is 2047');
  expect(complaint).toContain('QEMU_EXTRA_KERNEL_PARAMS');
});

test.each([
  ['emulated', { accelerator: 'tcg' }, 'q35'],
  ['with KVM', { accelerator: 'kvm' }, undefined],
  ['whose user names another', { accelerator: 'tcg', extraArguments: ['-M', 'pc'] }, undefined],
  [
    'with a device for the bus of the default one',
    { accelerator: 'tcg', extraArguments: ['-device', 'e1000,bus=pci.0,addr=5'] },
    undefined,
  ],
] satisfies [string, Partial<VmSpec>, string | undefined][])(
  'the machine of a VM %s',
  (_, changes, machine) => {
    expect(planVm(makeSpec(changes)).machine).toBe(machine);
  },
);
