import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { unpackKernel } from '../../src/vm/unpacked-kernel.ts';
import { type Bench, type Case, compare, compareWith, memoryOf } from '../bench.ts';
import { alternate, type Candidate, cpuTimeOf, spreadOf } from '../measure.ts';
import { makeFloorInit, packInitramfs } from '../workbench.ts';

/** The settings of the original rapido: the bzImage on QEMU's default machine. */
const UNTUNED = {
  KERNEL_FORMAT: 'bzImage',
  QEMU_EXTRA_ARGS: '-nographic -device virtio-rng-pci -machine pc',
} as const;

/** The fastest settings, regardless of their drawbacks: docs/performance.md. */
const FASTEST = {
  KERNEL_FORMAT: 'vmlinux',
  QEMU_EXTRA_ARGS: '-nographic',
  QEMU_EXTRA_KERNEL_PARAMS: 'cryptomgr.notests',
} as const;

/** The lower bound for a VM: it prints a line and powers off. */
function makeFloor({ home, accelerator }: Bench, name: string, kernel: string): Candidate {
  const image = join(home.directory, 'floor.img');
  home.write('floor/init', makeFloorInit(), 0o755);
  packInitramfs(join(home.directory, 'floor'), image);
  return {
    name,
    // biome-ignore format: an option and its value share a line
    argv: [
      ...(['qemu-system-x86_64', '-smp', '2', '-m', '512M'] as const),
      ...(accelerator === 'kvm' ? ['-enable-kvm', '-cpu', 'host'] : ['-cpu', 'max']),
      '-kernel', kernel, '-initrd', image, '-nographic', '-no-reboot',
      '-append', 'console=ttyS0 rdinit=/init panic=-1 loglevel=5',
    ],
  };
}

/** The same with the vmlinux that rapido boots under emulation; empty for a kernel without a PVH entry point. */
async function makeUnpackedFloor(bench: Bench, name: string): Promise<Candidate[]> {
  const unpacked = await unpackKernel(bench.kernel.image, bench.home.cache);
  return 'path' in unpacked ? [makeFloor(bench, name, unpacked.path)] : [];
}

/** Measures the time to the first line of an autorun script, and to the prompt. */
export const booting: Case = async (bench) => {
  const { home, kernel } = bench;
  home.addCut('bench-boot', { binaries: ['sh', 'cat', 'true'] }, 'echo FIRST LINE');
  await home.call(['cut', 'bench-boot']);
  const until = /^FIRST LINE/m;
  const toLine = home.rapido('boot to the first autorun line', ['boot'], { until });
  // `boot --detach` returns when the VM is at its prompt.
  const stopped = home.rapido('stop', ['stop', '--all']);
  const stop = (): void => {
    spawnSync(stopped.argv[0], stopped.argv.slice(1), { env: { ...process.env, ...stopped.env } });
  };
  const toPrompt = home.rapido('boot to the prompt', ['boot', '--detach'], { prepare: stop });
  const floor = makeFloor(bench, 'bare QEMU to a line', kernel.image);
  const lower = await makeUnpackedFloor(bench, 'bare QEMU to a line, vmlinux');
  const ofBzImage = await compareWith(bench, { ...floor, until: /^up/m }, [
    { candidate: toLine, atMost: 1.1 },
    { candidate: toPrompt },
  ]);
  stop();
  return [
    ...ofBzImage,
    ...(await compareAll(
      bench,
      lower.map((one) => ({ ...one, until: /^up/m })),
      toLine,
    )),
  ];
};

async function compareAll(bench: Bench, bases: Candidate[], candidate: Candidate) {
  const findings = [];
  for (const base of bases) findings.push(...(await compareWith(bench, base, [{ candidate }])));
  return findings;
}

/** Measures `rapido run simple-example -- true` as a whole. */
export const running: Case = async (bench) => {
  const { home, kernel } = bench;
  const args = ['run', 'simple-example', '-q', '--', 'true'];
  await home.call(args);
  const run = home.rapido('run simple-example -- true', args);
  const fastest = home.rapido('the same run, fastest settings', args, { env: FASTEST });
  const untuned = home.rapido('the same run, booted like the original rapido', args, {
    env: UNTUNED,
  });
  const floor = makeFloor(bench, 'bare QEMU that powers off at once', kernel.image);
  const lower = await makeUnpackedFloor(bench, 'bare QEMU that powers off, vmlinux');
  const candidates = [run, fastest, untuned, floor, ...lower];
  const samples = await alternate(candidates, bench.runs, bench.onRun);
  const of = (candidate: Candidate) => samples[candidates.indexOf(candidate)] ?? [];
  const pair = (a: Candidate, b: Candidate, atMost?: number) =>
    compare(a, b, [of(a), of(b)], atMost);
  return [
    pair(run, floor, 1.15),
    ...lower.map((base) => pair(run, base)),
    pair(run, untuned),
    pair(fastest, untuned, 0.8),
    { what: 'peak memory of rapido in a run', value: memoryOf(of(run)), unit: 'MiB', atMost: 90 },
  ];
};

/** Measures the CPU time of rapido while its VM is idle at a prompt. */
export const idling: Case = async ({ home }) => {
  await home.call(['cut', 'simple-example']);
  await home.call(['boot', '--detach']);
  try {
    const [vm] = JSON.parse(await home.call(['ps', '--json']));
    const shares: number[] = [];
    for (let sample = 0; sample < 5; sample++) {
      const [before, started] = [cpuTimeOf(vm.rapidoPid), performance.now()];
      await new Promise((resolve) => setTimeout(resolve, 4000));
      shares.push(((cpuTimeOf(vm.rapidoPid) - before) / (performance.now() - started)) * 100);
    }
    const value = spreadOf(shares);
    return [{ what: 'CPU of rapido, its VM idle at a prompt', value, unit: '%', atMost: 0.5 }];
  } finally {
    await home.call(['stop', '--all']);
  }
};

/** Compares a run with and without a network: QEMU's user network, which needs neither a bridge nor root. */
export const networking: Case = async (bench) => {
  const { home } = bench;
  home.addCut('bench-net', { binaries: ['sh', 'true'], network: true });
  const args = (kind: string): string[] => ['run', 'bench-net', '--net', kind, '-q', '--', 'true'];
  await home.call(args('user'));
  return compareWith(bench, home.rapido('the same run without a network', args('none')), [
    { candidate: home.rapido('a run with a network', args('user')) },
  ]);
};
