import { type Blame, type Judgement, RUN_EXIT } from './verdict.ts';

/** What `git bisect run` takes for "stop, this makes no sense": any status above 127. */
const BISECT_STOP = 128;

/** What it takes for "this commit cannot be tested". */
const BISECT_SKIP = 125;

/** Statuses of a command that was not there, or could not be executed. */
const NOT_EXECUTED = [126, 127];

/**
 * The exit status by which `git bisect run` understands a verdict (git-bisect(1)): 0 good, 1 bad, 125
 * cannot be tested, from 128 on stop.
 */
export function bisectStatus({ verdict, status }: Judgement, blames: Blame): number {
  switch (verdict) {
    case 'pass':
      return 0;
    case 'fail':
      // A command that says 125 means it, and one that never ran has told nothing of the commit.
      return status === BISECT_SKIP || NOT_EXECUTED.includes(status) ? BISECT_SKIP : 1;
    case 'crash':
      // A QEMU that somebody killed has told nothing of the commit.
      return blames === 'guest' ? 1 : BISECT_SKIP;
    case 'splat':
    case 'timeout':
      return 1;
    case 'error':
      return BISECT_SKIP;
    case 'interrupted':
      return RUN_EXIT.interrupted;
  }
}

/**
 * The exit status of a run that came to no verdict.
 * @param isForGood whether the next commit cannot mend it: a mistake, a full disk, a bug of ours
 */
export function failureStatus(isForGood: boolean, isBisect: boolean): number {
  if (!isBisect) return RUN_EXIT.error;
  return isForGood ? BISECT_STOP : BISECT_SKIP;
}
