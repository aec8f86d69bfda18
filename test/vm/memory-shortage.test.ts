import { describe, expect, test } from 'vitest';
import { bisectStatus } from '../../src/results/bisect.ts';
import { blameFor, judgeRun, type RunFacts } from '../../src/results/verdict.ts';
import { judgeEnding, type VmRecord } from '../../src/vm/ending.ts';
import { judgeBoot } from '../../src/vm/judge-boot.ts';
import { aSplat } from '../results/a-result.ts';

const MIB = 1024 * 1024;

/** The end of Linux 6.1's console with 832 MiB and an image of 329 MiB. */
const NOT_UNPACKED = [
  '[   27.628465] Initramfs unpacking failed: write error',
  '[   38.667656] No filesystem could mount root, tried: ',
  '[   38.668284] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)',
  '[   38.669087] CPU: 0 PID: 1 Comm: swapper/0 Not tainted 6.1.0-56-amd64 #1  Debian 6.1.192-2',
].join('\r\n');

/** The same with 400 MiB. */
const OUT_OF_MEMORY = [
  '[    2.869297] kworker/u4:0 invoked oom-killer: gfp_mask=0xcd0(GFP_KERNEL|__GFP_RECLAIMABLE), order=0, oom_score_adj=0',
  '[    3.167198] Kernel panic - not syncing: System is deadlocked on memory',
].join('\r\n');

const NO_INIT = '[    3.1] Kernel panic - not syncing: No working init found.';
const OOPSED = '[    3.1] Kernel panic - not syncing: Fatal exception';

/** A VM that ended before its init ran. */
function makeRecord(changes: Partial<VmRecord> = {}): VmRecord {
  return {
    exit: { status: 0 },
    qemuSaid: '',
    shutdown: 'guest-reset',
    events: [],
    consoleTail: '',
    memory: { bytes: 832 * MIB, toUnpack: 1088 * MIB },
    interruptedBy: undefined,
    ...changes,
  };
}

const TIMES = {
  init: undefined,
  autorunEnd: undefined,
  commandStart: undefined,
  commandEnd: undefined,
  end: 39_000,
};

const LIMITS = { total: undefined, boot: 300_000, silence: undefined };

const AMPLE = { bytes: 2048 * MIB, toUnpack: 1088 * MIB };

describe('a VM with too little memory for its image', () => {
  test.each([
    ['says that unpacking failed', { consoleTail: NOT_UNPACKED }, 'unpacking failed: write error'],
    ['kills for memory', { consoleTail: OUT_OF_MEMORY }, 'invoked oom-killer'],
    ['has no init then', { consoleTail: NO_INIT }, '832 MiB, but unpacking takes about 1.1'],
    [
      'resets without a word',
      {},
      '832 MiB, but unpacking takes about 1.1 GiB; increase it with --memory',
    ],
    [
      'is refused by QEMU',
      {
        exit: { status: 1 },
        shutdown: undefined,
        qemuSaid: 'qemu: initrd is too large, cannot support.(max: 268271615, need 344617472)\n',
      },
      '("initrd is too large"): 832 MiB',
    ],
  ] as const)('%s: is reported first', (_what, changes, words) => {
    const record = makeRecord(changes);
    const [first] = judgeBoot(record, {
      interactive: false,
      autorun: 1,
      oops: undefined,
    }).lines;
    expect(first).toMatch(/^the VM has too little memory for its image/);
    expect(first).toContain(words);
  });

  test('stops a bisection: it is the same with every commit', () => {
    const facts: RunFacts = {
      record: {
        ...makeRecord({ consoleTail: NOT_UNPACKED }),
        timedOut: undefined,
        isOutputComplete: false,
        foreignLines: 0,
        times: TIMES,
      },
      limits: LIMITS,
      autorun: 1,
      hasCommand: true,
      tests: [],
      testProblems: [],
      unwritten: [],
      splats: [aSplat({ kind: 'panic', severity: 'fatal', title: 'kernel panic: VFS' })],
    };
    const judgement = judgeRun(facts);
    expect(judgement).toEqual({
      verdict: 'error',
      status: 125,
      reason:
        'the VM has too little memory for its image ("Initramfs unpacking failed: write error"): 832 MiB, but unpacking takes about 1.1 GiB; increase it with --memory',
    });
    expect(bisectStatus(judgement, blameFor(facts))).toBe(128);
  });

  test("is also known from the kernel's messages if the formula finds enough", () => {
    const record = makeRecord({ consoleTail: NOT_UNPACKED, memory: AMPLE });
    expect(judgeEnding(record)).toEqual({
      kind: 'no-memory',
      message:
        'the VM ran out of memory before init ("Initramfs unpacking failed: write error"); increase it with --memory',
    });
  });
});

describe('another cause', () => {
  test.each([
    ['where the kernel panics for another reason', { consoleTail: OOPSED }, 'panicked'],
    ['where there is enough, and no init', { consoleTail: NO_INIT, memory: AMPLE }, 'panicked'],
    ['where there is enough, and a reset', { memory: AMPLE }, 'reset'],
    [
      'where the archive is damaged',
      {
        consoleTail: `[    1.0] Initramfs unpacking failed: junk within compressed archive\r\n${NO_INIT}`,
        memory: AMPLE,
      },
      'panicked',
    ],
    [
      'once init has run: a test may use up all memory',
      { events: [{ event: 'init', uptime: 2 }], consoleTail: OUT_OF_MEMORY },
      'panicked',
    ],
    ['where rapido is interrupted', { interruptedBy: 'SIGINT' }, 'interrupted'],
  ] as const)('%s', (_what, changes, kind) => {
    expect(judgeEnding(makeRecord(changes)).kind).toBe(kind);
  });
});
