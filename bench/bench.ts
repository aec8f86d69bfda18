import {
  alternate,
  type Candidate,
  ratiosOf,
  type Sample,
  type Spread,
  spreadOf,
} from './measure.ts';
import type { Finding } from './report.ts';
import type { Workbench } from './workbench.ts';

/** The environment of a case. */
export interface Bench {
  home: Workbench;
  /** The number of runs of each candidate, without the first one, which is not counted. */
  runs: number;
  onRun: (name: string, run: number) => void;
  /** The kernel of this host that rapido selects. */
  kernel: { release: string; image: string; modules: string };
  accelerator: 'kvm' | 'tcg';
}

/** One group of lines in the table. */
export type Case = (bench: Bench) => Promise<Finding[]>;

/** A candidate and its target: the largest acceptable ratio to the base. */
export interface Contender {
  candidate: Candidate;
  atMost?: number;
}

/** Runs the candidates alternately, and compares each with the base. */
export async function compareWith(
  bench: Bench,
  base: Candidate,
  contenders: readonly Contender[],
): Promise<Finding[]> {
  const all = [...contenders.map(({ candidate }) => candidate), base];
  const samples = await alternate(all, bench.runs, bench.onRun);
  return contenders.map(({ candidate, atMost }, index) =>
    compare(candidate, base, [samples[index] ?? [], samples.at(-1) ?? []], atMost),
  );
}

export function compare(
  a: Candidate,
  b: Candidate,
  samples: readonly [readonly Sample[], readonly Sample[]],
  atMost?: number,
): Finding {
  return {
    what: a.name,
    against: b.name,
    value: timesOf(samples[0]),
    other: timesOf(samples[1]),
    unit: 'ms',
    ratio: ratiosOf(...samples),
    ...(atMost === undefined ? {} : { atMost }),
  };
}

function timesOf(samples: readonly Sample[]): Spread {
  return spreadOf(samples.map(({ ms }) => ms));
}

/** Peak memory of rapido itself, in MiB. */
export function memoryOf(samples: readonly Sample[]): Spread {
  return spreadOf(samples.map(({ peakKib }) => peakKib / 1024));
}

/** The lower bound for a program in Node. */
export function emptyScript({ home }: Bench): Candidate {
  return { name: 'an empty Node script', argv: [process.execPath, home.write('empty.mjs', '')] };
}
