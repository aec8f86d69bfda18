import type { RunResult, RunSplat, TestResult, TestStatus } from '../../src/results/run-result.ts';

/** The result of a run without events, with the changes of a test. */
export function aResult(changes: Partial<RunResult> = {}): RunResult {
  return {
    version: 1,
    id: '20261123-021557-fstests-xfs-3f2a',
    verdict: 'pass',
    status: 0,
    reason: 'the command succeeded',
    cut: 'fstests-xfs',
    command: undefined,
    commandStatus: undefined,
    autorun: [],
    kernel: { release: '6.18.0-rc6', image: '/linux/arch/x86/boot/bzImage', git: undefined },
    vm: {
      accelerator: 'kvm',
      cpus: 2,
      memory: 512 * 1024 * 1024,
      qemu: ['qemu-system-x86_64', '-enable-kvm'],
    },
    started: '2026-11-23T02:15:57.000Z',
    times: {
      build: undefined,
      cut: 350,
      boot: 900,
      autorun: undefined,
      command: undefined,
      powerOff: undefined,
      total: 2500,
    },
    tests: [],
    splats: [],
    notes: [],
    ...changes,
  };
}

/** Tests from name to status; a name with a blank and more after it has that as its message. */
export function tests(statuses: Readonly<Record<string, TestStatus>>): TestResult[] {
  return Object.entries(statuses).map(([text, status]) => {
    const [name = '', ...message] = text.split(' ');
    return message.length === 0 ? { name, status } : { name, status, message: message.join(' ') };
  });
}

export function aSplat(changes: Partial<RunSplat> = {}): RunSplat {
  return {
    kind: 'kasan',
    severity: 'error',
    title: 'slab-use-after-free in foo_release',
    count: 1,
    text: 'BUG: KASAN: slab-use-after-free in foo_release+0x1/0x2\n',
    during: undefined,
    ...changes,
  };
}
