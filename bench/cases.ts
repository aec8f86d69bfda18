import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  alternate,
  type Candidate,
  cpuTimeOf,
  ratiosOf,
  runOnce,
  type Sample,
  spreadOf,
} from './measure.ts';
import type { Finding } from './report.ts';
import { CHECKOUT, makeFloorInit, makeTree, packInitramfs, type Workbench } from './workbench.ts';

/** What a case works with. */
export interface Bench {
  home: Workbench;
  /** How many runs of each candidate count. */
  runs: number;
  onRun: (name: string, run: number) => void;
  /** The kernel of this host, as rapido chose it. */
  kernel: { release: string; image: string };
  accelerator: 'kvm' | 'tcg';
}

/** One group of the table. @returns its lines */
export type Case = (bench: Bench) => Promise<Finding[]>;

const MIB = 1024 * 1024;

const times = (samples: readonly Sample[] | undefined): number[] =>
  (samples ?? []).map(({ ms }) => ms);

/** A line for the first candidate against another. */
function compare(
  [a, b]: readonly [Candidate, Candidate],
  samples: readonly [Sample[] | undefined, Sample[] | undefined],
  atMost?: number,
): Finding {
  return {
    what: a.name,
    against: b.name,
    value: spreadOf(times(samples[0])),
    other: spreadOf(times(samples[1])),
    unit: 'ms',
    ratio: ratiosOf(samples[0] ?? [], samples[1] ?? []),
    ...(atMost === undefined ? {} : { atMost }),
  };
}

/** Runs candidates in turn, and compares each but the last with the last. */
async function against(
  bench: Bench,
  candidates: readonly { candidate: Candidate; atMost?: number }[],
  base: Candidate,
): Promise<Finding[]> {
  const all = [...candidates.map(({ candidate }) => candidate), base];
  const samples = await alternate(all, bench.runs, bench.onRun);
  return candidates.map(({ candidate, atMost }, index) =>
    compare([candidate, base], [samples[index], samples.at(-1)], atMost),
  );
}

function emptyScript({ home }: Bench): Candidate {
  const script = home.write('empty.mjs', '');
  return { name: 'an empty Node script', argv: [process.execPath, script] };
}

/** 1. Start-up. */
export const startUp: Case = (bench) =>
  against(
    { ...bench, runs: bench.runs * 4 },
    [
      { candidate: bench.home.rapido('rapido --version', ['--version']), atMost: 1.25 },
      { candidate: bench.home.rapido('rapido list', ['list']) },
    ],
    emptyScript(bench),
  );

/** The targets of the cases of `cut`: what they are called, and where their tree is. */
interface Target {
  cut: string;
  tree?: string;
  /** A kernel tree whose modules may be touched. */
  kernelSrc: string;
}

/** Of the size of xfstests. */
const LARGE_TREE = { files: 5000, bytes: 50 * MIB } as const;

const SUITE_BINARIES = [
  ...['sh', 'mount', 'umount', 'perl', 'awk', 'sed', 'df', 'ls', 'cat', 'cp', 'mv', 'ln', 'rm'],
  ...['mkdir', 'stat', 'du', 'dd', 'od', 'id', 'uname', 'date', 'env', 'kill', 'grep', 'head'],
  ...['sort', 'tee', 'sleep', 'true', 'diff', 'find', 'xargs', 'chmod', 'ps', 'dmesg', 'losetup'],
] as const;

function makeTargets(bench: Bench): Target[] {
  const { home } = bench;
  const kernelSrc = layOutKernel(bench);
  const tree = join(home.directory, 'suite');
  makeTree(tree, LARGE_TREE.files, LARGE_TREE.bytes);
  home.addCut('bench-suite', {
    binaries: SUITE_BINARIES,
    drivers: ['ext4', 'zram'],
    trees: [{ source: tree }],
    directory: tree,
  });
  home.addCut('bench-small', { binaries: ['sh', 'ls', 'cat', 'dmesg'], drivers: ['zram'] });
  return [
    { cut: 'bench-small', kernelSrc },
    { cut: 'bench-suite', tree, kernelSrc },
  ];
}

/** The installed kernel as a built tree, with modules of its own that a test may touch. */
function layOutKernel({ home, kernel }: Bench): string {
  const tree = join(home.directory, 'linux');
  const write = (name: string, text: string): void => void home.write(join('linux', name), text);
  write('.config', 'CONFIG_X86_64=y\nCONFIG_MODULES=y\n');
  write('include/config/kernel.release', `${kernel.release}\n`);
  mkdirSync(join(tree, 'arch/x86/boot'), { recursive: true });
  copyFileSync(kernel.image, join(tree, 'arch/x86/boot/bzImage'));
  return tree;
}

/** 2. to 5. Cutting. */
export const cutting: Case = async (bench) => {
  const findings: Finding[] = [];
  for (const target of makeTargets(bench)) findings.push(...(await cutOne(bench, target)));
  return findings;
};

async function cutOne(bench: Bench, { cut, tree }: Target): Promise<Finding[]> {
  const { home } = bench;
  const image = join(home.cache, `images/${cut}.img`);
  const noCache = (): void => rmSync(home.cache, { recursive: true, force: true });
  const cold = home.rapido(`${cut}: cold cut`, ['cut', cut], { prepare: noCache });
  const bare = await bareDracut(bench, cut, tree);
  const coldFindings = await against(bench, [{ candidate: cold, atMost: 1.1 }], bare);
  const coldMs = coldFindings[0]?.value.median ?? Number.NaN;

  await home.call(['cut', cut]);
  const unchanged = home.rapido(`${cut}: unchanged cut`, ['cut', cut]);
  const [unchangedFinding] = await against(
    { ...bench, runs: bench.runs * 3 },
    [{ candidate: unchanged, ...(tree === undefined ? {} : { atMost: 3 }) }],
    emptyScript(bench),
  );
  const share: Finding = {
    what: `${cut}: unchanged cut`,
    against: 'its cold cut',
    value: unchangedFinding!.value,
    other: { min: coldMs, median: coldMs, max: coldMs },
    unit: 'ms',
    ratio: scale(unchangedFinding!.value, 1 / coldMs),
    ...(tree === undefined ? {} : { atMost: 0.05 }),
  };
  const copied = join(home.directory, 'copied.img');
  const copy: Candidate = { name: 'cp of the image', argv: ['cp', image, copied] };
  const touched = tree === undefined ? undefined : join(tree, 'group0/000000');
  let round = 0;
  const oneFile = home.rapido(`${cut}: one file of the tree changed`, ['cut', cut], {
    prepare: () => writeFileSync(touched ?? '', `#!/bin/bash\necho ${round++}\n`),
  });
  return [
    ...coldFindings,
    unchangedFinding!,
    share,
    ...(touched === undefined
      ? []
      : await against(bench, [{ candidate: oneFile, atMost: 2.5 }], copy)),
  ];
}

function scale({ min, median, max }: { min: number; median: number; max: number }, by: number) {
  return { min: min * by, median: median * by, max: max * by };
}

/** dracut alone, for an image with the same content. */
async function bareDracut(
  { home, kernel }: Bench,
  cut: string,
  tree: string | undefined,
): Promise<Candidate> {
  const plan = await home.call(['cut', cut, '--dry-run']);
  const programs = /--install '?([^']*?)'? (?=-|\/|TEMPORARY)/.exec(plan)?.[1] ?? '';
  const drivers = /^# modules layer, from \S+: (.*)$/m.exec(plan)?.[1] ?? '';
  const output = join(home.directory, 'bare.img');
  return {
    name: 'dracut with the same content',
    argv: [
      ...(['dracut', '--force', '--no-hostonly', '--nostrip', '--no-compress'] as const),
      ...['--no-early-microcode', '--conf', '/dev/null', '--confdir', home.directory],
      ...['--modules', 'bash', '--install', programs, '--kver', kernel.release],
      ...['--drivers', drivers, '--tmpdir', home.directory],
      ...(tree === undefined ? [] : ['--include', tree, tree]),
      ...['--kernel-image', kernel.image, output],
    ],
  };
}

/** What QEMU alone is called with: the machine of the original tool, nothing tuned. */
function bareQemu({ kernel, accelerator }: Bench, initramfs: string): Candidate['argv'] {
  return [
    ...(['qemu-system-x86_64', '-smp', '2', '-m', '512M'] as const),
    ...(accelerator === 'kvm' ? ['-enable-kvm', '-cpu', 'host'] : ['-cpu', 'max']),
    ...['-kernel', kernel.image, '-initrd', initramfs, '-nographic', '-no-reboot'],
    ...['-append', 'console=ttyS0 rdinit=/init panic=-1 loglevel=5'],
  ];
}

/** The least that a VM can do: print a line, power off. */
function makeFloor(bench: Bench, name: string): Candidate {
  const directory = join(bench.home.directory, 'floor');
  const image = join(bench.home.directory, 'floor.img');
  bench.home.write('floor/init', makeFloorInit(), 0o755);
  packInitramfs(directory, image);
  return { name, argv: bareQemu(bench, image) };
}

/** 6. Boots. */
export const boots: Case = async (bench) => {
  const { home } = bench;
  home.addCut('bench-boot', { binaries: ['sh', 'cat', 'true'] }, 'echo FIRST LINE');
  await home.call(['cut', 'bench-boot']);
  const first = /^FIRST LINE/m;
  const floor = { ...makeFloor(bench, 'bare QEMU to a line'), until: /^up/m };
  return against(
    bench,
    [
      {
        candidate: home.rapido('rapido boot to the first autorun line', ['boot'], { until: first }),
        atMost: 1.1,
      },
      {
        candidate: home.rapido('the same, with KERNEL_FORMAT=bzImage', ['boot'], {
          until: first,
          env: { KERNEL_FORMAT: 'bzImage' },
        }),
      },
      { candidate: home.rapido('rapido boot, to the end', ['boot']) },
    ],
    floor,
  );
};

/** How the original tool boots: the bzImage, QEMU's default machine. */
const UNTUNED = {
  KERNEL_FORMAT: 'bzImage',
  QEMU_EXTRA_ARGS: '-nographic -device virtio-rng-pci -machine pc',
} as const;

/** The best there is, whatever it trades: docs/performance.md. */
const FASTEST = {
  KERNEL_FORMAT: 'vmlinux',
  QEMU_EXTRA_ARGS: '-nographic',
  QEMU_EXTRA_KERNEL_PARAMS: 'cryptomgr.notests',
} as const;

/** 7. Whole runs. */
export const wholeRuns: Case = async (bench) => {
  const { home } = bench;
  const args = ['run', 'simple-example', '-q', '--', 'true'];
  await home.call(args);
  const run = home.rapido('run simple-example -- true', args);
  const untuned = home.rapido('booted as the original tool does', args, { env: UNTUNED });
  const fastest = home.rapido('the fastest settings', args, { env: FASTEST });
  const floor = makeFloor(bench, 'bare QEMU that powers off at once');
  const samples = await alternate([run, fastest, untuned, floor], bench.runs, bench.onRun);
  const [runs, fastests, untuneds, floors] = samples;
  return [
    compare([run, floor], [runs, floors], 1.15),
    compare([run, untuned], [runs, untuneds]),
    compare([fastest, untuned], [fastests, untuneds], 0.8),
    {
      what: 'peak memory of rapido in a run',
      value: spreadOf((runs ?? []).map(({ peakKib }) => peakKib / 1024)),
      unit: 'MiB',
      atMost: 90,
    },
  ];
};

/** CPU that the keeper of a VM takes while nothing happens. */
export const idle: Case = async ({ home }) => {
  await home.call(['cut', 'simple-example']);
  await home.call(['boot', '--detach']);
  try {
    const [vm] = JSON.parse(await home.call(['ps', '--json']));
    const shares: number[] = [];
    for (let sample = 0; sample < 5; sample++) {
      const before = cpuTimeOf(vm.rapidoPid);
      await new Promise((resolve) => setTimeout(resolve, 4000));
      shares.push(((cpuTimeOf(vm.rapidoPid) - before) / 4000) * 100);
    }
    return [
      {
        what: 'CPU of rapido, VM idle at its prompt',
        value: spreadOf(shares),
        unit: '%',
        atMost: 0.5,
      },
    ];
  } finally {
    await home.call(['stop', '--all']);
  }
};

/** 8. The network: QEMU's own, which needs neither bridge nor root. */
export const network: Case = async (bench) => {
  const { home } = bench;
  home.addCut('bench-net', { binaries: ['sh', 'true'], network: true });
  const args = (kind: string): string[] => ['run', 'bench-net', '--net', kind, '-q', '--', 'true'];
  await home.call(args('user'));
  return against(
    bench,
    [{ candidate: home.rapido('a run with a network', args('user')) }],
    home.rapido('the same without', args('none')),
  );
};

/** 9. Growth: trees. */
export const treeGrowth: Case = async (bench) => {
  const { home } = bench;
  const candidates: Candidate[] = [];
  for (const files of [1000, 10_000, 100_000]) {
    const name = `bench-tree-${files}`;
    const tree = join(home.directory, name);
    makeTree(tree, files, files * 2048);
    home.addCut(name, { binaries: ['sh'], trees: [{ source: tree }] });
    await home.call(['cut', name]);
    candidates.push(home.rapido(`unchanged cut, ${files} files`, ['cut', name]));
  }
  const [small, medium, large] = candidates as [Candidate, Candidate, Candidate];
  const [smalls, mediums, larges] = await alternate(candidates, bench.runs, bench.onRun);
  return [
    compare([medium, small], [mediums, smalls]),
    compare([large, small], [larges, smalls], 20),
    {
      what: 'peak memory of rapido, 100000 files',
      value: spreadOf((larges ?? []).map(({ peakKib }) => peakKib / 1024)),
      unit: 'MiB',
    },
  ];
};

/** 9. Growth: images. */
export const imageGrowth: Case = async (bench) => {
  const { home } = bench;
  const findings: Finding[] = [];
  for (const mib of [10, 100, 1000]) {
    const name = `bench-image-${mib}`;
    const tree = join(home.directory, name);
    makeTree(tree, 16, mib * MIB);
    home.addCut(name, { binaries: ['sh'], trees: [{ source: tree }] });
    await home.call(['cut', name]);
    const image = join(home.cache, `images/${name}.img`);
    const relink = home.rapido(`image of ${mib} MiB, another script`, ['cut', name], {
      prepare: () => rmSync(image, { force: true }),
    });
    const copy = { name: 'cp of it', argv: ['cp', `${image}.kept`, `${image}.copy`] as const };
    copyFileSync(image, `${image}.kept`);
    findings.push(...(await against(bench, [{ candidate: relink }], copy)));
    rmSync(tree, { recursive: true });
    for (const path of [image, `${image}.kept`, `${image}.copy`]) rmSync(path, { force: true });
  }
  return findings;
};

/** 9. Growth: several VMs at once. */
export const vmGrowth: Case = async ({ home, onRun }) => {
  const args = ['run', 'simple-example', '-q', '--', 'true'];
  await home.call(args);
  const findings: Finding[] = [];
  for (const count of [1, 2, 4, 8]) {
    onRun(`${count} VMs at once`, 1);
    const started = performance.now();
    const samples = await Promise.all(
      Array.from({ length: count }, () => runOnce(home.rapido('run', args))),
    );
    const ms = performance.now() - started;
    findings.push({
      what: `${count === 1 ? '1 VM' : `${count} VMs at once`}, until all have passed`,
      value: { min: ms, median: ms, max: ms },
      unit: 'ms',
    });
    findings.push({
      what: `${count === 1 ? '1 VM' : `${count} VMs at once`}, peak memory of each rapido`,
      value: spreadOf(samples.map(({ peakKib }) => peakKib / 1024)),
      unit: 'MiB',
    });
  }
  return findings;
};

/** 9. A console that is flooded, and 10. the command's output. */
export const output: Case = async (bench) => {
  const { home } = bench;
  const megabytes = 50;
  const speeds: number[] = [];
  const floods: number[] = [];
  for (let run = 0; run <= Math.min(bench.runs, 3); run++) {
    bench.onRun('output of a command', run);
    const results = join(home.directory, 'results');
    rmSync(results, { recursive: true, force: true });
    const script = `head -c ${megabytes * 1_000_000} /dev/zero`;
    await home.call(['run', 'simple-example', '-q', '--results', results, '-x', script]);
    const { times } = JSON.parse(
      await home.call(['results', '--results', results, 'latest', '--json']),
    );
    speeds.push(megabytes / (times.command / 1000));
  }
  bench.onRun('a flooded console', 1);
  const flood = 'for i in {1..40}; do seq 1000 > /dev/kmsg || seq 1000; done > /dev/console';
  const candidate = home.rapido('a flooded console', [
    ...['run', 'simple-example', '-q', '-x', flood],
  ]);
  const started = performance.now();
  const { ms, cpuMs } = await runWithCpu(candidate);
  floods.push((cpuMs / ms) * 100);
  void started;
  return [
    { what: "output of a guest's command", value: spreadOf(speeds.slice(1)), unit: 'MB/s' },
    { what: 'CPU of rapido while the console is flooded', value: spreadOf(floods), unit: '%' },
  ];
};

/** A run, and the CPU time of rapido in it, without QEMU's. */
async function runWithCpu(candidate: Candidate): Promise<{ ms: number; cpuMs: number }> {
  let cpuMs = 0;
  const { spawn } = await import('node:child_process');
  const [file, ...args] = candidate.argv;
  const started = performance.now();
  const child = spawn(file, args, {
    cwd: candidate.cwd,
    env: { ...process.env, ...candidate.env },
    stdio: 'ignore',
  });
  const timer = setInterval(() => {
    try {
      if (child.pid !== undefined) cpuMs = cpuTimeOf(child.pid);
    } catch {
      // It has ended.
    }
  }, 20);
  await new Promise((resolve) => child.once('exit', resolve));
  clearInterval(timer);
  return { ms: performance.now() - started, cpuMs };
}

/** In the order of the table. */
export const CASES: Readonly<Record<string, Case>> = {
  'start-up': startUp,
  cut: cutting,
  boot: boots,
  run: wholeRuns,
  idle,
  network,
  trees: treeGrowth,
  images: imageGrowth,
  vms: vmGrowth,
  output,
};

void CHECKOUT;
