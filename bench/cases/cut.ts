import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { splitArguments } from '../../src/conf/values.ts';
import { type Bench, type Case, compareWith, emptyScript } from '../bench.ts';
import type { Candidate } from '../measure.ts';
import type { Finding } from '../report.ts';
import { layOutKernelTree, makeTree } from '../workbench.ts';

const MIB = 1024 * 1024;

/** A target to measure. */
interface Target {
  cut: string;
  env: Record<string, string>;
  /** The test directory in its image, and a file in it. */
  tree: { directory: string; file: string } | undefined;
  /** Path of one of its kernel modules. */
  module: string;
}

/** The size of xfstests. */
const SUITE = { files: 5000, bytes: 50 * MIB } as const;

/** Measures cuts: without a cache, without changes, and with one change. */
export const cutting: Case = async (bench) => {
  const { home } = bench;
  const linux = layOutKernelTree(home, bench.kernel);
  const tree = join(home.directory, 'xfstests');
  makeTree(tree, SUITE.files, SUITE.bytes);
  const env = { KERNEL_SRC: linux.tree };
  const targets: Target[] = [
    { cut: 'simple-example', env, tree: undefined, module: linux.module },
    {
      cut: 'fstests-xfs',
      env: { ...env, FSTESTS_SRC: tree },
      tree: { directory: tree, file: join(tree, 'group0/000000') },
      module: linux.module,
    },
  ];
  const findings: Finding[] = [];
  for (const target of targets) findings.push(...(await measureTarget(bench, target)));
  return findings;
};

async function measureTarget(bench: Bench, target: Target): Promise<Finding[]> {
  const { home } = bench;
  const { cut, env, tree, module } = target;
  const candidate = (what: string, prepare?: () => void): Candidate =>
    home.rapido(`${cut}: ${what}`, ['cut', cut], {
      env,
      ...(prepare === undefined ? {} : { prepare }),
    });
  const forget = (): void => rmSync(home.cache, { recursive: true, force: true });
  const [cold] = await compareWith(bench, await bareDracut(bench, target), [
    { candidate: candidate('cold cut', forget), atMost: 1.1 },
  ]);

  await home.call(['cut', cut], env);
  const often = { ...bench, runs: bench.runs * 3 };
  const [unchanged] = await compareWith(often, emptyScript(bench), [
    { candidate: candidate('unchanged cut'), ...(tree && { atMost: 3 }) },
  ]);
  const content = readFileSync(module);
  const touchModule = (): void => writeFileSync(module, content);
  const changed = await compareWith(bench, candidate('unchanged cut'), [
    { candidate: candidate('one module changed', touchModule), atMost: 1.5 },
  ]);
  const coldMs = cold!.value.median;
  const share: Finding = {
    what: `${cut}: unchanged cut`,
    against: 'its cold cut',
    value: unchanged!.value,
    other: cold!.value,
    unit: 'ms',
    ratio: {
      min: unchanged!.value.min / coldMs,
      median: unchanged!.value.median / coldMs,
      max: unchanged!.value.max / coldMs,
    },
    ...(tree && { atMost: 0.05 }),
  };
  return [cold!, unchanged!, share, ...changed, ...(await measureTree(bench, target, candidate))];
}

async function measureTree(
  bench: Bench,
  { cut, tree }: Target,
  candidate: (what: string, prepare: () => void) => Candidate,
): Promise<Finding[]> {
  if (tree === undefined) return [];
  const { home } = bench;
  let round = 0;
  const edit = (): void => writeFileSync(tree.file, `#!/bin/bash\necho ${round++}\n`);
  const image = join(home.cache, `images/${cut}.img`);
  const copy: Candidate = {
    name: 'cp of the image',
    argv: ['cp', image, join(home.directory, 'copy.img')],
  };
  return compareWith(bench, copy, [
    { candidate: candidate('one file of the tree changed', edit), atMost: 2.5 },
  ]);
}

/** dracut alone, with the same programs, modules and files. */
async function bareDracut({ home, kernel }: Bench, { cut, env, tree }: Target): Promise<Candidate> {
  const plan = await home.call(['cut', cut, '--dry-run'], env);
  const [line = ''] = /^\/\S*dracut .*$/m.exec(plan) ?? [];
  const words = splitArguments(line) ?? [];
  const programs = words[words.indexOf('--install') + 1] ?? '';
  const drivers = /^# modules layer, from .*?: (.*)$/m.exec(plan)?.[1] ?? '';
  return {
    name: 'dracut with the same content',
    // biome-ignore format: an option and its value share a line
    argv: [
      ...(['dracut', '--force', '--no-hostonly', '--nostrip', '--no-compress'] as const),
      '--no-early-microcode', '--conf', '/dev/null', '--confdir', home.empty,
      '--tmpdir', home.empty, '--modules', 'bash', '--install', programs,
      '--drivers', drivers, ...(tree ? ['--include', tree.directory, tree.directory] : []),
      '--kmoddir', kernel.modules, join(home.directory, 'bare.img'), kernel.release,
    ],
  };
}
