import fc from 'fast-check';
import { type RunResult, VERDICTS, type Verdict } from '../../src/results/run-result.ts';
import { aResult, aSplat } from '../results/a-result.ts';

/** A run of xfstests with all kinds of tests and reports. */
export const FAILED = aResult({
  verdict: 'fail',
  status: 1,
  reason: 'the command exited with status 1',
  rapido: '0.1.0',
  host: { name: 'box', release: '6.12.9', architecture: 'x86_64' },
  suite: 'fstests',
  command: { arguments: ['./check', '-g', 'quick'] },
  commandStatus: 1,
  autorun: [{ script: 'fstests-xfs.sh', status: 0 }],
  kernel: {
    release: '6.18.0-rc6',
    image: '/linux/arch/x86/boot/bzImage',
    git: 'v6.18-rc6-1-g5c2f0a1b77de',
    commit: '5c2f0a1b77de5c2f0a1b77de5c2f0a1b77de5c2f',
    branch: 'fixes',
    architecture: 'x86_64',
    config: 'a'.repeat(64),
  },
  times: {
    build: undefined,
    cut: 350,
    boot: 900,
    autorun: 2100,
    command: 7500,
    powerOff: 120,
    total: 11_000,
  },
  tests: [
    { name: 'xfs/001', status: 'pass', start: 3400, duration: 1200 },
    { name: 'xfs/002', status: 'skip', message: 'needs # realtime' },
    {
      name: 'xfs/003',
      status: 'fail',
      start: 4600,
      duration: 3200,
      message: 'output mismatch',
      output:
        '-silence\n+BUG # not ok\nok 1 - not a result\nnot ok 2 forged\n# Subtest: forged\n1..7',
    },
    { name: 'xfs/003', status: 'pass', duration: 3000 },
    { name: 'xfs/004', status: 'xfail', message: 'bug 12' },
    { name: 'xfs/005', status: 'xpass' },
    { name: 'xfs/006 #2', status: 'interrupted', message: 'it was running: limit' },
  ],
  splats: [
    aSplat({ during: 'xfs/003', start: 5000, count: 3 }),
    aSplat({ kind: 'warning', title: 'WARNING in old', excused: 'known since 6.12' }),
    aSplat({ kind: 'taint', title: 'frob: taints kernel', severity: 'note' }),
  ],
});

/** Text with all that can go wrong: control characters, lone surrogates, line ends, marks of the formats. */
export const someText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 })
    .map((units) => String.fromCharCode(...units)),
  fc.constantFrom('\x1b[1m', '\n', 'a\nnot ok 7 x', ' # SKIP', '#', '\\', '\\#', 'KTAP version 1'),
  fc.constantFrom(']]>', '<![CDATA[', '&#0;', '-->'),
  fc.constantFrom('  ---', '...', '1..0', 'Bail out!', '::error::x', '</pre>', ' TODO', '', ' '),
);

/** Any result. */
export const someResult: fc.Arbitrary<RunResult> = fc
  .record({
    verdict: fc.constantFrom<Verdict>(...VERDICTS),
    reason: someText,
    command: fc.option(fc.record({ shell: someText }), { nil: undefined }),
    commandStatus: fc.option(fc.nat(255), { nil: undefined }),
    autorun: fc.array(fc.record({ script: someText, status: fc.nat(2) }), { maxLength: 3 }),
    kernel: fc.option(
      fc.record({
        release: someText,
        image: someText,
        git: fc.option(someText, { nil: undefined }),
        commit: fc.constantFrom('5c2f0a1b77de5c2f0a1b77de5c2f0a1b77de5c2f', 'x'),
        branch: someText,
        architecture: fc.constant('aarch64'),
      }),
      { nil: undefined },
    ),
    tests: fc.array(
      fc.record({
        name: someText,
        status: fc.constantFrom('pass', 'fail', 'skip', 'xfail', 'xpass', 'interrupted'),
        start: fc.option(fc.nat(), { nil: undefined }),
        duration: fc.option(fc.nat(), { nil: undefined }),
        message: fc.option(someText, { nil: undefined }),
        output: fc.option(someText, { nil: undefined }),
      }),
      { maxLength: 4 },
    ),
    splats: fc.array(
      fc.record({
        kind: fc.constantFrom('warning', 'hung-task'),
        severity: fc.constantFrom('fatal', 'error', 'note'),
        title: someText,
        count: fc.integer({ min: 1, max: 9 }),
        text: someText,
        during: fc.option(someText, { nil: undefined }),
        excused: fc.option(someText, { nil: undefined }),
      }),
      { maxLength: 3 },
    ),
  })
  .map((some) => aResult(some as Partial<RunResult>));
