import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createSplatScanner } from '../../src/formats/klog/scanner.ts';
import type { Splat } from '../../src/formats/klog/splat.ts';
import { describeBlockedTask, excerptOf, informativeLines } from '../../src/results/excerpt.ts';
import { CHECKOUT } from '../support/workspace.ts';

/** The excerpt of the first fatal report or error in a log of the corpus, without timestamps. */
function excerptFrom(log: string): string[] {
  const splats: Splat[] = [];
  const scanner = createSplatScanner({
    onBegin: () => {},
    onFatal: () => {},
    onEnd: (splat) => splats.push(splat),
  });
  const text = readFileSync(join(CHECKOUT, 'test/formats/klog/corpus', `${log}.log`), 'utf8');
  for (const line of text.split('\n')) scanner.push(line);
  scanner.end();
  const worst = splats.find(({ severity }) => severity !== 'note')!;
  return excerptOf(worst).map((line) => line.replace(/^(?:\[[^\]]*\])+ ?/, ''));
}

test('an oops of x86: the instruction and the functions, without registers and doubtful entries', () => {
  expect(excerptFrom('real/mod-null').join('\n')).toMatchInlineSnapshot(`
    "BUG: kernel NULL pointer dereference, address: 0000000000000018
    #PF: supervisor write access in kernel mode
    #PF: error_code(0x0002) - not-present page
    Oops: 0002 [#1] PREEMPT SMP NOPTI
    CPU: 0 PID: 109 Comm: bash Tainted: G        W  OE      6.1.0-56-amd64 #1  Debian 6.1.192-2
    RIP: 0010:do_null+0x5/0x20 [crashme]
    Call Trace:
     crashme_run+0xce9/0x13c7 [crashme]
     crashme_write+0x5a/0x79 [crashme]
     proc_reg_write+0x56/0xa0
     vfs_write+0xc7/0x3f0
     ksys_write+0x6b/0xf0
     do_syscall_64+0x5d/0xb0
     entry_SYSCALL_64_after_hwframe+0x6e/0xd8"
  `);
});

test('an oops of arm64: its program counter and link register', () => {
  expect(excerptFrom('arm64-oops').join('\n')).toMatchInlineSnapshot(`
    "Unable to handle kernel paging request at virtual address dfffa00000000003
    Internal error: Oops: 96000004 [#1] PREEMPT SMP
    CPU: 0 PID: 6604 Comm: vhci_tx Not tainted 5.9.0-12994-gf9893351acae #16
    pc : selinux_socket_sendmsg+0x28/0x58
    lr : selinux_socket_sendmsg+0x18/0x58
    Call trace:
     selinux_socket_sendmsg+0x28/0x58
     security_socket_sendmsg+0x68/0xd0
     sock_sendmsg+0x4c/0x128
     kernel_sendmsg+0x54/0x70
     vhci_send_cmd_submit+0x6c8/0xda8
     vhci_tx_loop+0xe8/0x300
     kthread+0x344/0x3e0
     ret_from_fork+0x10/0x30"
  `);
});

test('an oops of riscv, and one of arm', () => {
  expect(excerptFrom('riscv-user-memory')).toEqual(
    expect.arrayContaining(['epc : schedule_tail+0x72/0xb2', ' ra : schedule_tail+0x70/0xb2']),
  );
  expect(excerptFrom('arm-unhandled-fault')).toEqual(
    expect.arrayContaining([
      'PC is at __sanitizer_cov_trace_pc+0x4c/0x78',
      'LR is at trace_hardirqs_off+0x6c/0x120',
    ]),
  );
});

test('includes a panic that follows, without the registers that are printed again', () => {
  const lines = excerptFrom('real/panic-mod-null');
  expect(lines.filter((line) => line.startsWith('RIP: '))).toHaveLength(1);
  expect(lines.at(-1)).toMatch(/^Kernel panic - not syncing/);
});

test.each([
  'real/mod-null',
  'real/lockup-softlockup',
  'real/lockdep-circular',
  'real/dbg-uaf',
  'real/oom-kill',
])('the excerpt of %s fits on a screen', (log) => {
  const lines = excerptFrom(log);
  expect(lines.length).toBeGreaterThan(3);
  expect(lines.length).toBeLessThanOrEqual(25);
  expect(lines.filter((line) => /\? |^R[A-Z0-9]{2}: [0-9a-f]{16}/.test(line))).toEqual([]);
});

test('shows a trace with only doubtful entries rather than none', () => {
  const text = 'WARNING: x\nCall Trace:\n ? foo+0x1/0x2\n ? bar+0x1/0x2';
  expect(excerptOf({ text })).toEqual(text.split('\n'));
});

test('shows a decoded report instead', () => {
  const decoded =
    '[   12.345678] RIP: 0010:foo (fs/foo.c:12)\n[   12.345678] RAX: 0000000000000000';
  expect(excerptOf({ text: 'other', decoded })).toEqual([
    '[   12.345678] RIP: 0010:foo (fs/foo.c:12)',
  ]);
});

test('omits the messages of every emulated boot', () => {
  const boot = [
    '[    0.010000] ACPI: IRQ 9 override to edge(!), high(!)',
    '[    0.047000] ..MP-BIOS bug: 8254 timer not connected to IO-APIC',
    '[    0.048000] tsc: Unable to calibrate against PIT',
    '[    0.055000][    T0] APIC calibration not consistent with PM-Timer: 115ms instead of 100ms',
    '[    1.248453] mtrr: your CPUs had inconsistent fixed MTRR settings\r',
    '[    1.249103] mtrr: your CPUs had inconsistent variable MTRR settings',
    '[    1.249491] mtrr: your CPUs had inconsistent MTRRdefType settings',
    "[    2.000000] clocksource: timekeeping watchdog on CPU0: Marking clocksource 'tsc' as unstable",
    '[    6.274891] Unstable clock detected, switching default tracing clock to "global"',
    '[    6.274891] If you want to keep using the local clock, then add:',
    '[    6.274891]   "trace_clock=local"',
    '[    6.274891] on the kernel command line',
  ];
  const telling = [
    '[    3.000000] Initramfs unpacking failed: write error',
    'a program: tsc: not it',
  ];
  expect(informativeLines([...boot, '', ...telling])).toEqual(telling);
  expect(excerptOf({ text: [telling[0], ...boot].join('\n') })).toEqual([telling[0]]);
});

test('text of a guest cannot control the terminal', () => {
  expect(excerptOf({ text: 'BUG: \x1b[2Jx\r\n foo\x07' })).toEqual(['BUG: x', ' foo']);
  expect(describeBlockedTask({ name: 'a\n\x1b[31mb', pid: 1, function: undefined })).toBe(
    'a b (PID 1)',
  );
});
