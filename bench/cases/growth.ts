import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Case, compare, compareWith, memoryOf } from '../bench.ts';
import { alternate, type Candidate, runOnce } from '../measure.ts';
import type { Finding } from '../report.ts';
import { makeTree } from '../workbench.ts';

const MIB = 1024 * 1024;

/** Measures how the time of an unchanged cut grows with its test directory. */
export const growingTrees: Case = async (bench) => {
  const { home } = bench;
  const candidates: Candidate[] = [];
  for (const files of [1000, 10_000, 100_000]) {
    const name = `bench-tree-${files}`;
    makeTree(join(home.directory, name), files, files * 2048);
    home.addCut(name, { binaries: ['sh'], trees: [{ source: join(home.directory, name) }] });
    await home.call(['cut', name]);
    candidates.push(home.rapido(`unchanged cut, ${files} files`, ['cut', name]));
  }
  const samples = await alternate(candidates, bench.runs, bench.onRun);
  const [small, medium, large] = candidates as [Candidate, Candidate, Candidate];
  const [ofSmall = [], ofMedium = [], ofLarge = []] = samples;
  return [
    compare(medium, small, [ofMedium, ofSmall]),
    compare(large, small, [ofLarge, ofSmall], 20),
    { what: 'peak memory of rapido, 100000 files', value: memoryOf(ofLarge), unit: 'MiB' },
  ];
};

/** Compares the assembly of an image from existing layers with a copy of the image. */
export const growingImages: Case = async (bench) => {
  const { home } = bench;
  const findings: Finding[] = [];
  for (const size of [10, 100, 1000]) {
    const name = `bench-image-${size}`;
    const tree = join(home.directory, name);
    makeTree(tree, 16, size * MIB);
    home.addCut(name, { binaries: ['sh'], trees: [{ source: tree }] });
    await home.call(['cut', name]);
    const image = join(home.cache, `images/${name}.img`);
    copyFileSync(image, `${image}.kept`);
    const again = home.rapido(`an image of ${size} MiB from its layers`, ['cut', name], {
      prepare: () => rmSync(image, { force: true }),
    });
    const copy: Candidate = {
      name: 'cp of the image',
      argv: ['cp', `${image}.kept`, `${image}.copy`],
    };
    findings.push(...(await compareWith(bench, copy, [{ candidate: again }])));
    for (const path of [tree, image, `${image}.kept`, `${image}.copy`]) {
      rmSync(path, { recursive: true, force: true });
    }
  }
  return findings;
};

/** Measures concurrent runs. */
export const growingNumbers: Case = async ({ home, onRun }) => {
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
    const what = count === 1 ? 'one run' : `${count} runs at once`;
    findings.push(
      {
        what: `${what}, until all have passed`,
        value: { min: ms, median: ms, max: ms },
        unit: 'ms',
      },
      { what: `${what}, peak memory of each rapido`, value: memoryOf(samples), unit: 'MiB' },
    );
  }
  return findings;
};
