import { type RunKernel, type RunResult, VERDICTS, type Verdict } from './run-result.ts';
import { parseId, type StoredRun } from './store.ts';

/** Which runs are meant; a condition that is undefined holds for all. */
export interface RunFilter {
  /** A part of the release or of `git describe`, or the beginning of the hash of the commit. */
  kernel?: string | undefined;
  verdict?: Verdict | StoredRun['state'] | undefined;
  /** The first and the last moment of the start, in milliseconds since 1970. */
  since?: number | undefined;
  until?: number | undefined;
}

/** The verdicts of runs, and the states of runs without one. */
export const VERDICTS_AND_STATES = [
  ...VERDICTS,
  'running',
  'lost',
  'unreadable',
] as const satisfies readonly (Verdict | StoredRun['state'])[];

export function selectRuns(runs: readonly StoredRun[], filter: RunFilter): StoredRun[] {
  return runs.filter((run) => isSelected(run, filter));
}

function isSelected(run: StoredRun, { kernel, verdict, since, until }: RunFilter): boolean {
  const result = run.state === 'finished' ? run.result : undefined;
  if (verdict !== undefined && (result?.verdict ?? run.state) !== verdict) return false;
  if (kernel !== undefined && !isKernel(result?.kernel, kernel)) return false;
  if (since === undefined && until === undefined) return true;
  const start = startOf(run, result);
  return start >= (since ?? start) && start <= (until ?? start);
}

function isKernel(kernel: RunKernel | undefined, text: string): boolean {
  if (kernel === undefined) return false;
  const { release, git, commit } = kernel;
  return (
    release.includes(text) || git?.includes(text) === true || commit?.startsWith(text) === true
  );
}

/** The ID of a run without a result has its start, in whole seconds. */
function startOf(run: StoredRun, result: RunResult | undefined): number {
  return result === undefined
    ? (parseId(run.id)?.started.getTime() ?? Number.NaN)
    : Date.parse(result.started);
}
