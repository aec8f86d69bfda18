import { describe, expect, test } from 'vitest';
import { planVm, type SessionPlan, type VmSpec } from '../../src/vm/plan.ts';
import { qemuCommandLine } from '../../src/vm/qemu-arguments.ts';
import { makeSpec } from './vm-spec.ts';

const SESSION: SessionPlan = {
  stdin: false,
  results: undefined,
  survivesOops: false,
  readsKernelLog: false,
};

/** A VM of `rapido run`, with changes. */
const plan = (session: Partial<SessionPlan> = {}, changes: Partial<VmSpec> = {}) =>
  planVm(makeSpec({ terminal: undefined, session: { ...SESSION, ...session }, ...changes }));

const parameters = (session: Partial<SessionPlan> = {}, extraParameters?: string): string[] =>
  plan(session, { extraParameters }).parameters;

/** Options of QEMU with their values, one a line. */
const commandLine = (...changes: Parameters<typeof plan>): string[] =>
  qemuCommandLine(plan(...changes))
    .map((argument) => (argument.startsWith('-') ? `\n${argument}` : ` ${argument}`))
    .join('')
    .split('\n')
    .filter((line) => !line.startsWith('-append'));

const channelsOf = (lines: readonly string[]): string[] =>
  lines.filter((line) => /^-(chardev|serial|device|qmp chardev|virtfs)/.test(line));

describe('kernel parameters of a run', () => {
  test('end at the first oops, timestamps on every line, answers to sysrq and NMI', () => {
    expect(parameters()).toMatchInlineSnapshot(`
      [
        "console=ttyS0",
        "rdinit=/init",
        "panic=-1",
        "loglevel=5",
        "rapido.loglevel=7",
        "printk.time=1",
        "sysrq_always_enabled",
        "rapido.judged=ttyS0",
        "unknown_nmi_panic",
        "oops=panic",
        "rapido.run=1",
        "log_buf_len=1M",
        "rapido.vm_num=1",
        "rapido.hostname=rapido1",
      ]
    `);
  });

  test('with --keep-going, the kernel continues after an oops; a panic still ends the VM', () => {
    const survivor = parameters({ survivesOops: true });
    expect(parameters().filter((parameter) => !survivor.includes(parameter))).toEqual([
      'oops=panic',
    ]);
    expect(survivor).toContain('panic=-1');
  });

  test('with --dump-on-crash, a kernel that panics stays until its memory is dumped', () => {
    expect(parameters({ staysAfterPanic: true })).toContain('panic=0');
    expect(parameters({ staysAfterPanic: true })).not.toContain('panic=-1');
  });

  test('with --kmemleak, the kernel searches for memory leaks, also if that is off by default', () => {
    const leaks = parameters({ scansLeaks: true });
    expect(leaks.filter((parameter) => !parameters().includes(parameter))).toEqual([
      'kmemleak=on',
      'rapido.kmemleak=1',
    ]);
  });

  test('the size of the kernel log; more if the log contains results', () => {
    expect(parameters({ readsKernelLog: true })).toContain('log_buf_len=4M');
    const own = parameters({}, 'log_buf_len=16M');
    expect(own.filter((parameter) => parameter.startsWith('log_buf_len='))).toEqual([
      'log_buf_len=1M',
      'log_buf_len=16M',
    ]);
  });

  test('whether there is an input, and a directory for results', () => {
    const whole = parameters({ stdin: true, results: '/runs/1/guest' });
    expect(whole.filter((parameter) => !parameters().includes(parameter))).toEqual([
      'rapido.stdin=1',
      'rapido.results=results0',
    ]);
  });

  test('nothing about a terminal', () => {
    expect(parameters().join(' ')).not.toMatch(/rapido\.(interactive|tty|term)/);
  });

  test.each(['quiet', 'loglevel=3', 'loglevel=0', 'x quiet y', 'loglevel=6 nokaslr'])(
    'a quiet kernel (%s) is quiet until init: then reports must be visible',
    (extra) => {
      expect(parameters({}, extra)).not.toContain('loglevel=5');
      expect(parameters({}, extra)).toContain('rapido.loglevel=7');
      expect(parameters({}, extra).at(-1)).toBe(extra);
    },
  );

  test.each(['debug', 'ignore_loglevel', 'loglevel=8'])(
    'a loud kernel (%s) stays loud',
    (extra) => {
      const all = parameters({}, extra).join(' ');
      expect(all).not.toContain('rapido.loglevel');
      expect(all).not.toContain('loglevel=5');
    },
  );

  test('a quiet kernel at a prompt stays quiet', () => {
    const watched = planVm(makeSpec({ extraParameters: 'quiet' }));
    expect(watched.parameters.join(' ')).not.toContain('rapido.loglevel');
  });

  test('those of the user come last: the kernel uses the later of two', () => {
    expect(parameters({}, 'oops=continue panic=0').at(-1)).toBe('oops=continue panic=0');
  });
});

describe('the channels of QEMU beside the console', () => {
  test('control, stdout and stderr as virtio ports; the console goes through rapido', () => {
    expect(channelsOf(commandLine())).toMatchInlineSnapshot(`
      [
        "-chardev socket,id=console,fd=5",
        "-serial chardev:console",
        "-chardev socket,id=events,fd=3",
        "-qmp chardev:events",
        "-device virtio-serial-pci,id=rapido-ports",
        "-chardev socket,id=control,fd=4",
        "-device virtserialport,chardev=control,name=org.rapido.control",
        "-chardev socket,id=stdout,fd=6",
        "-device virtserialport,chardev=stdout,name=org.rapido.stdout",
        "-chardev socket,id=stderr,fd=7",
        "-device virtserialport,chardev=stderr,name=org.rapido.stderr",
        "-device vmcoreinfo",
      ]
    `);
  });

  test('an input has a port, too', () => {
    const lines = commandLine({ stdin: true });
    expect(lines.filter((line) => !commandLine().includes(line))).toEqual([
      '-chardev socket,id=stdin,fd=8',
      '-device virtserialport,chardev=stdin,name=org.rapido.stdin',
    ]);
  });

  test('a kernel without virtio has serial ports in a fixed order, and none left for an input', () => {
    expect(channelsOf(commandLine({ stdin: true }, { channel: 'serial' }))).toMatchInlineSnapshot(`
      [
        "-chardev socket,id=console,fd=5",
        "-serial chardev:console",
        "-chardev socket,id=events,fd=3",
        "-qmp chardev:events",
        "-chardev socket,id=control,fd=4",
        "-serial chardev:control",
        "-chardev socket,id=stdout,fd=6",
        "-serial chardev:stdout",
        "-chardev socket,id=stderr,fd=7",
        "-serial chardev:stderr",
        "-device vmcoreinfo",
      ]
    `);
  });

  test('the directory for results is shared over 9p, commas in its path doubled', () => {
    const lines = commandLine({ results: '/runs/a,b/guest' });
    expect(lines.filter((line) => !commandLine().includes(line))).toEqual([
      '-virtfs local,path=/runs/a,,b/guest,mount_tag=results0,security_model=mapped-file,multidevs=remap',
    ]);
  });

  test('both directories, each with its tag', () => {
    const lines = commandLine({ results: '/runs/1/guest' }, { sharedDirectory: '/home/me' });
    const shares = lines.filter((line) => line.startsWith('-virtfs'));
    expect(shares.map((line) => line.replace(/,security_model=.*/, ''))).toEqual([
      '-virtfs local,path=/home/me,mount_tag=host0',
      '-virtfs local,path=/runs/1/guest,mount_tag=results0',
    ]);
  });

  test('QEMU writes no log: rapido does, and judges every line', () => {
    expect(commandLine().join('\n')).not.toContain('logfile');
    expect(commandLine().join('\n')).not.toContain('stdio');
  });
});
