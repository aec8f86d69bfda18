import { EXIT } from '../errors.ts';
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
  // A full disk of the host may also be what a test fails of. A kernel that crashes or complains does so itself.
  const isDoubtful = verdict === 'error' || verdict === 'fail' || verdict === 'timeout';
  if (blames === 'setup' && isDoubtful) return BISECT_STOP;
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
 * The exit status of a command line that came to no verdict.
 * @param argv without the program's name, up to `--`
 * @param ordinary what a command of rapido's own exits with
 * @param mayBeSkipped whether another commit may be without what is wrong
 */
export function failureStatus(
  argv: readonly string[],
  { ordinary = EXIT.software, mayBeSkipped = false }: { ordinary?: number; mayBeSkipped?: boolean },
): number {
  // Whatever is wrong with the command line, git must not take it for a bad commit.
  if (argv.includes('--bisect')) return mayBeSkipped ? BISECT_SKIP : BISECT_STOP;
  return STATUS_OF_GUEST.includes(commandOf(argv) ?? '') ? RUN_EXIT.error : ordinary;
}

/** Commands whose exit status is that of a command in the guest. */
const STATUS_OF_GUEST = ['run', 'exec'];

/** Options before the command that have a value. */
const WITH_VALUE = ['--conf', '--cut-dir'];

function commandOf(argv: readonly string[]): string | undefined {
  return argv.find(
    (word, index) => !word.startsWith('-') && !WITH_VALUE.includes(argv[index - 1] ?? ''),
  );
}
