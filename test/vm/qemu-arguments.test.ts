import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { architectureOf } from '../../src/host/architecture.ts';
import { planVm, type VmSpec } from '../../src/vm/plan.ts';
import { escapeComma, qemuCommandLine } from '../../src/vm/qemu-arguments.ts';
import { CHECKOUT } from '../support/workspace.ts';
import { makeSpec } from './vm-spec.ts';

/** The command line, an option with its value a line, and so each kernel parameter. */
function commandLine(changes: Partial<VmSpec> = {}): string {
  return qemuCommandLine(planVm(makeSpec(changes)))
    .map((argument) => (argument.startsWith('-') ? `\n${argument}` : ` ${argument}`))
    .join('')
    .replace(/^-append .*$/m, (append) => append.replaceAll(/ (?=[\w.]+=)/g, '\n  '))
    .trim();
}

/** Lines that the changes add to an ordinary command line, and lines that they take away. */
function difference(changes: Partial<VmSpec>): string[] {
  const [before, after] = [commandLine().split('\n'), commandLine(changes).split('\n')];
  return [
    ...before.filter((line) => !after.includes(line)).map((line) => `- ${line}`),
    ...after.filter((line) => !before.includes(line)).map((line) => `+ ${line}`),
  ];
}

test('at a terminal, with KVM', () => {
  expect(commandLine()).toMatchInlineSnapshot(`
    "qemu-system-x86_64
    -enable-kvm
    -cpu host
    -smp 2
    -m 512M
    -kernel /linux/arch/x86/boot/bzImage
    -initrd /cache/images/simple-example.img
    -append
      console=ttyS0
      rdinit=/init
      panic=-1
      loglevel=5
      rapido.loglevel=7
      rapido.vm_num=1
      rapido.hostname=rapido1
      rapido.interactive=1
      rapido.tty=50x132
      rapido.term=xterm-256color
    -nodefaults
    -no-reboot
    -chardev stdio,id=console,mux=on,signal=off,logfile=/state/vm1/console.log
    -serial chardev:console
    -monitor chardev:console
    -chardev socket,id=events,fd=3
    -qmp chardev:events
    -qmp unix:/run/vm1.qmp,server=on,wait=off
    -device virtio-serial-pci,id=rapido-ports
    -chardev socket,id=control,fd=4
    -device virtserialport,chardev=control,name=org.rapido.control
    -device vmcoreinfo
    -pidfile /run/rapido_vm1.pid
    -machine graphics=on"
  `);
});

test('emulated, unattended', () => {
  expect(difference({ accelerator: 'tcg', terminal: undefined })).toMatchInlineSnapshot(`
    [
      "- -enable-kvm",
      "- -cpu host",
      "-   rapido.interactive=1",
      "-   rapido.tty=50x132",
      "-   rapido.term=xterm-256color",
      "+ -machine q35",
      "+ -accel tcg",
      "+ -cpu max",
      "+   rapido.emulated=1 no_timer_check",
    ]
  `);
});

test('a kernel without virtio-serial uses the second serial port', () => {
  expect(difference({ channel: 'serial' })).toMatchInlineSnapshot(`
    [
      "- -device virtio-serial-pci,id=rapido-ports",
      "- -device virtserialport,chardev=control,name=org.rapido.control",
      "+   rapido.channel=ttyS1",
      "+ -serial chardev:control",
    ]
  `);
});

test('a shared directory; a comma in its path is doubled, as QEMU requires', () => {
  expect(difference({ sharedDirectory: '/home/me/a, b,,c' })).toMatchInlineSnapshot(`
    [
      "+   rapido.virtfs=host0",
      "+ -virtfs local,path=/home/me/a,, b,,,,c,mount_tag=host0,security_model=none,multidevs=remap",
    ]
  `);
});

test('commas in the paths of the console log and the monitor socket', () => {
  const paths = { consoleLog: '/state/a,b/console.log', monitorSocket: '/run/a,b.qmp' };
  expect(difference(paths)).toMatchInlineSnapshot(`
    [
      "- -chardev stdio,id=console,mux=on,signal=off,logfile=/state/vm1/console.log",
      "- -qmp unix:/run/vm1.qmp,server=on,wait=off",
      "+ -chardev stdio,id=console,mux=on,signal=off,logfile=/state/a,,b/console.log",
      "+ -qmp unix:/run/a,,b.qmp,server=on,wait=off",
    ]
  `);
});

test('QEMU_EXTRA_ARGS and QEMU_EXTRA_KERNEL_PARAMS', () => {
  expect(
    difference({
      extraArguments: ['-device', 'virtio-rng-pci', '-s'],
      extraParameters: 'slub_debug=FZ',
    }),
  ).toMatchInlineSnapshot(`
    [
      "+   slub_debug=FZ",
      "+ -device virtio-rng-pci",
      "+ -s",
    ]
  `);
});

test('a VM that waits for a debugger has its kernel at the addresses of vmlinux', () => {
  expect(difference({ gdbSocket: '/run/vm1.gdb' })).toEqual([
    expect.stringMatching(/^- .*rapido\.loglevel=7/),
    '+   rapido.loglevel=7 nokaslr',
    '+ -S',
    '+ -gdb unix:/run/vm1.gdb,server=on,wait=off',
  ]);
});

test('dynamic debug', () => {
  const dynamicDebug = { modules: ['xfs'], files: ['fs/xfs/*'] };
  expect(difference({ dynamicDebug })).toMatchInlineSnapshot(`
    [
      "+   xfs.dyndbg=+pf",
      "+   dyndbg="file fs/xfs/* +pf"",
    ]
  `);
});

test("the user's own log level", () => {
  expect(difference({ extraParameters: 'loglevel=8' })).toMatchInlineSnapshot(`
    [
      "-   loglevel=5",
      "-   rapido.loglevel=7",
      "+   loglevel=8",
    ]
  `);
});

test('a VM with options of the command line; memory is rounded up to whole MiB', () => {
  expect(difference({ cpus: 8, memory: 1024 ** 3 + 1, cpu: 'EPYC' })).toMatchInlineSnapshot(`
    [
      "- -cpu host",
      "- -smp 2",
      "- -m 512M",
      "+ -cpu EPYC",
      "+ -smp 8",
      "+ -m 1025M",
    ]
  `);
});

test('aarch64', () => {
  expect(
    commandLine({ architecture: architectureOf('arm64'), channel: 'serial', terminal: undefined }),
  ).toMatchInlineSnapshot(`
    "qemu-system-aarch64
    -machine virt,gic-version=max
    -enable-kvm
    -cpu host
    -smp 2
    -m 512M
    -kernel /linux/arch/x86/boot/bzImage
    -initrd /cache/images/simple-example.img
    -append
      console=ttyAMA0
      rdinit=/init
      panic=-1
      loglevel=5
      rapido.loglevel=7
      rapido.vm_num=1
      rapido.hostname=rapido1
      rapido.channel=ttyAMA1
    -nodefaults
    -no-reboot
    -chardev stdio,id=console,mux=on,signal=off,logfile=/state/vm1/console.log
    -serial chardev:console
    -monitor chardev:console
    -chardev socket,id=events,fd=3
    -qmp chardev:events
    -qmp unix:/run/vm1.qmp,server=on,wait=off
    -chardev socket,id=control,fd=4
    -serial chardev:control
    -device vmcoreinfo
    -pidfile /run/rapido_vm1.pid"
  `);
});

test('only commas are special', () => {
  expect(escapeComma('a,b=c d,,')).toBe('a,,b=c d,,,,');
});

test('the guest searches for the ports that QEMU gives it', () => {
  const session = { stdin: true, results: undefined, survivesOops: false, readsKernelLog: false };
  const command = commandLine({ terminal: undefined, session });
  const ports = [...command.matchAll(/^-device virtserialport,.*name=(.*)$/gm)].map(
    ([, name = '']) => name,
  );
  expect(ports).toHaveLength(4);
  const guest = readFileSync(join(CHECKOUT, 'guest/session'), 'utf8');
  for (const port of ports) {
    const [, prefix, name] = /^(.*\.)(\w+)$/.exec(port) ?? [];
    expect(guest).toContain(`"${prefix}$1"`);
    expect(guest).toMatch(new RegExp(`find_channel ("\\$\\{prefix\\})?${name}\\b`));
  }
});
