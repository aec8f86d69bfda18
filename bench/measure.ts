import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

/** A command that is measured. */
export interface Candidate {
  name: string;
  /** Program and arguments. */
  argv: readonly [string, ...string[]];
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  /** Called before each run; not included in the time. */
  prepare?: () => void;
  /** The time ends when stdout matches, not at the end of the process. */
  until?: RegExp;
}

/** One run. */
export interface Sample {
  /** Milliseconds. */
  ms: number;
  /** Peak resident memory of the process without its children, in KiB. */
  peakKib: number;
  /** CPU time of the process without its children, in milliseconds. */
  cpuMs: number;
  stdout: string;
}

export interface Spread {
  min: number;
  median: number;
  max: number;
}

/**
 * Runs the candidates alternately, A B C A B C …, so that temporary load on the machine affects all of them.
 * @returns the samples of each candidate, without those of the first round, which fills caches
 */
export async function alternate(
  candidates: readonly Candidate[],
  runs: number,
  onRun: (name: string, run: number) => void,
): Promise<Sample[][]> {
  const samples: Sample[][] = candidates.map(() => []);
  for (let run = 0; run <= runs; run++) {
    for (const [index, candidate] of candidates.entries()) {
      onRun(candidate.name, run);
      const sample = await runOnce(candidate);
      if (run > 0) samples[index]?.push(sample);
    }
  }
  return samples;
}

/** @throws Error with the output of the command, if it fails */
export async function runOnce(candidate: Candidate): Promise<Sample> {
  const { argv, env = {}, cwd, prepare, until } = candidate;
  prepare?.();
  const [file, ...args] = argv;
  const started = performance.now();
  const child = spawn(file, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const usage = watchUsage(child.pid);
  let [stdout, stderr] = ['', ''];
  let ms: number | undefined;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    if (until !== undefined && ms === undefined && until.test(stdout)) {
      ms = performance.now() - started;
    }
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-8192);
  });
  const [status] = await once(child, 'exit');
  if (until === undefined) ms = performance.now() - started;
  if (child.stdout.readable) await once(child.stdout, 'close');
  const { peakKib, cpuMs } = usage.stop();
  if (status !== 0 || ms === undefined) {
    const why = ms === undefined ? `never printed ${until}` : `ended with ${status}`;
    throw new Error(`${argv.join(' ')} ${why}:\n${stdout.slice(-2000)}\n${stderr}`);
  }
  return { ms, peakKib, cpuMs, stdout };
}

/** The interval at which /proc is read, in milliseconds. The last value counts, because the kernel accumulates. */
const INTERVAL = 20;

/** Records the peak resident memory of a process (VmHWM of proc(5)) and its CPU time. */
function watchUsage(pid: number | undefined): {
  stop: () => Pick<Sample, 'peakKib' | 'cpuMs'>;
} {
  const usage = { peakKib: 0, cpuMs: 0 };
  const update = (): void => {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      usage.peakKib = Math.max(usage.peakKib, Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0));
      if (pid !== undefined) usage.cpuMs = cpuTimeOf(pid);
    } catch {
      // The process has ended.
    }
  };
  const timer = setInterval(update, INTERVAL);
  return {
    stop: () => {
      clearInterval(timer);
      return usage;
    },
  };
}

/** CPU time of a process with its threads, in milliseconds: utime and stime of proc(5). */
export function cpuTimeOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // Clock ticks: 100 per second on every Linux.
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const median =
    sorted.length % 2 === 1
      ? (sorted[middle] ?? 0)
      : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
  return { min: sorted[0] ?? 0, median, max: sorted.at(-1) ?? 0 };
}

/** Ratios of A to B, pair by pair: the runs of a pair were close in time, under similar load. */
export function ratiosOf(a: readonly Sample[], b: readonly Sample[]): Spread {
  return spreadOf(a.map(({ ms }, index) => ms / (b[index]?.ms ?? Number.NaN)));
}
