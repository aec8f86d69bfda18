import type { RunResult, RunSplat, TestResult } from '../../src/results/run-result.ts';
import { aResult, aSplat } from '../results/a-result.ts';

/** Text that would end an element, run as a script, or control a terminal. */
export const HOSTILE = `</script><script>document.title='owned'</script><!--<img src=x onerror="alert(1)">&amp;\u001b[31mred\u001b[0m\0\u0007"'`;

const WARNING = [
  '------------[ cut here ]------------',
  'WARNING: CPU: 1 PID: 4711 at fs/foo/inode.c:123 foo_release+0x6c/0x90 [foo]',
  'Modules linked in: foo zram',
  'CPU: 1 UID: 0 PID: 4711 Comm: rm Not tainted 6.18.0-rc6 #1',
  'RIP: 0010:foo_release+0x6c/0x90 [foo]',
  'Call Trace:',
  ' <TASK>',
  ' __fput+0x10b/0x3c0',
  ' task_work_run+0x59/0x90',
  ' </TASK>',
  '---[ end trace 0000000000000000 ]---',
];

const DIFF = `    --- tests/generic/013.out	2026-11-20 10:00:00
    +++ /rapido/results/generic/013.out.bad	2026-11-23 02:18:00
    @@ -1,3 +1,4 @@
     QA output created by 013
    -all is well
    +rm: cannot remove 'd1': Structure needs cleaning
    +fsck found errors
     Silence is golden`;

function stamp(seconds: number, text: string): string {
  return `[${seconds.toFixed(6).padStart(12)}] ${text}`;
}

/**
 * A run of many tests, with a failure, a flaky test, a warning, a crash after which it continued, and a console.
 * @param console characters that the console has at least
 */
export function aSuite(size: { tests: number; console: number }): {
  result: RunResult;
  console: string;
} {
  const tests = Array.from({ length: size.tests }, (_, index): TestResult => {
    const name = `generic/${String(index + 1).padStart(4, '0')}`;
    const start = 4200 + index * 200;
    const base = { name, start, duration: 150 + ((index * 37) % 50) } as const;
    if (index % 17 === 5)
      return { name, status: 'skip', start, message: 'this test requires a dax device' };
    return { ...base, status: 'pass' };
  });
  tests[12] = {
    ...tests[12]!,
    status: 'fail',
    message: 'output mismatch (see /rapido/results/generic/013.out.bad)',
    output: DIFF,
  };
  tests[20] = {
    ...tests[20]!,
    name: 'generic/0020 #2',
    status: 'fail',
    message: HOSTILE,
    output: `${HOSTILE}\n`,
  };
  const half = Math.floor(size.tests / 2);
  tests[half] = {
    ...tests[half]!,
    status: 'fail',
    message: 'crashed: NULL pointer dereference in foo_write',
    duration: undefined,
  };
  const lines: string[] = [];
  let length = 0;
  const add = (...more: string[]): void => {
    for (const line of more) length += line.length + 2;
    lines.push(...more);
  };
  let seconds = 0;
  for (let index = 0; length < size.console || index < size.tests; index++) {
    seconds += 0.2;
    add(
      stamp(
        seconds,
        `run fstests generic/${String((index % size.tests) + 1).padStart(4, '0')} at 2026-11-23 02:15:57`,
      ),
    );
    add(
      stamp(
        seconds + 0.01,
        'XFS (vdb): Mounting V5 Filesystem 6f0a6f0a-1f5c-4a5e-9d3a-1f5c4a5e9d3a',
      ),
    );
    add(stamp(seconds + 0.02, 'XFS (vdb): Ending clean mount'));
    if (index === 30) add(...WARNING.map((line) => stamp(seconds + 0.03, line)));
    if (index === 40) add(HOSTILE, 'x'.repeat(1024 * 1024));
  }
  const panic = [
    'BUG: kernel NULL pointer dereference, address: 0000000000000008',
    'Oops: Oops: 0000 [#1] SMP',
    'RIP: 0010:foo_write+0x12/0x40 [foo]',
    'Kernel panic - not syncing: Fatal exception',
  ].map((line) => stamp(seconds + 1, line));
  add(...panic);
  const total = 4200 + size.tests * 200 + 9000;
  const splat = (at: number, from: readonly string[], rest: Partial<RunSplat>): RunSplat =>
    aSplat({ start: at, text: from.join('\n'), ...rest });
  const warning = WARNING.map((line) => stamp(31 * 0.2 + 0.03, line));
  return {
    console: `${lines.join('\r\n')}\r\n`,
    result: aResult({
      verdict: 'crash',
      status: 120,
      reason: `the kernel crashed during ${tests[half]!.name}; then 2 of ${size.tests} tests failed`,
      command: { arguments: ['./check', '-g', 'quick'] },
      commandStatus: 1,
      rapido: '0.1.0',
      host: { name: 'build7', release: '6.12.9-amd64', architecture: 'x86_64' },
      kernel: {
        release: '6.18.0-rc6+',
        image: '/home/me/linux/arch/x86/boot/bzImage',
        git: 'v6.18-rc6-14-g5c2f0a1b77de-dirty',
        commit: '5c2f0a1b77de0c1f7a8b9c0d1e2f3a4b5c6d7e8f',
        branch: 'foo-fixes',
      },
      autorun: [{ script: '00-fstests-xfs.sh', status: 0 }],
      times: {
        build: undefined,
        cut: 350,
        boot: 1800,
        autorun: 2050,
        command: size.tests * 200,
        powerOff: 120,
        total,
      },
      boots: [
        {
          verdict: 'crash',
          reason: 'the kernel crashed',
          tests: half + 1,
          start: 350,
          times: { boot: 900, autorun: 2900, command: undefined, powerOff: undefined },
        },
        {
          verdict: 'fail',
          reason: 'a test failed',
          tests: size.tests - half - 1,
          start: 4200 + half * 200 + 3000,
          times: { boot: 900, autorun: 1000, command: (size.tests - half) * 200, powerOff: 120 },
        },
      ],
      tests: tests.map((test, index) =>
        index > half ? { ...test, start: test.start! + 5000 } : test,
      ),
      splats: [
        splat(10_400, warning, {
          kind: 'warning',
          title: 'WARNING in foo_release',
          count: 3,
          during: 'generic/0031',
          boot: 1,
        }),
        splat(4200 + half * 200 + 100, panic, {
          kind: 'oops',
          severity: 'fatal',
          title: 'NULL pointer dereference in foo_write',
          during: tests[half]!.name,
          boot: 1,
        }),
        splat(12_000, ['lockdep'], {
          kind: 'lockdep',
          title: HOSTILE,
          excused: 'reported upstream',
          excusedBy: 'known.txt:3',
          boot: 1,
        }),
      ],
      notes: ['QEMU: warning: TCG does not support requested feature', HOSTILE],
    }),
  };
}
