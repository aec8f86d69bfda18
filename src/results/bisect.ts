import { EXIT } from '../errors.ts';
import { type Blame, type Judgement, RUN_EXIT } from './verdict.ts';

/** `git bisect run` aborts on any status above 127. */
const BISECT_STOP = 128;

/** `git bisect run` skips the commit: it cannot be tested. */
const BISECT_SKIP = 125;

/** Statuses of a command that could not be executed or was not found. */
const NOT_EXECUTED = [126, 127];

/**
 * Converts a verdict to an exit status for `git bisect run` (git-bisect(1)): 0 is good, 1 is bad, 125 skips the
 * commit, 128 and above abort.
 */
export function bisectStatus({ verdict, status }: Judgement, blames: Blame): number {
  // A full disk of the host can also make a test fail, but it cannot make the kernel crash or report a problem.
  const isDoubtful = verdict === 'error' || verdict === 'fail' || verdict === 'timeout';
  if (blames === 'setup' && isDoubtful) return BISECT_STOP;
  switch (verdict) {
    case 'pass':
      return 0;
    case 'fail':
      // A command that exits with 125 asks for a skip. One that never ran says nothing about the commit.
      return status === BISECT_SKIP || NOT_EXECUTED.includes(status) ? BISECT_SKIP : 1;
    case 'crash':
      // A QEMU that was killed on the host says nothing about the commit.
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
 * The exit status of a command line that failed without a verdict.
 * @param argv without the name of the program, up to `--`
 * @param ordinary exit status of commands whose status is not that of a guest's command
 * @param mayBeSkipped whether another commit may not have the error
 */
export function failureStatus(
  argv: readonly string[],
  { ordinary = EXIT.software, mayBeSkipped = false }: { ordinary?: number; mayBeSkipped?: boolean },
): number {
  // git must not take an error in the command line for a bad commit.
  if (argv.includes('--bisect')) return mayBeSkipped ? BISECT_SKIP : BISECT_STOP;
  return STATUS_OF_GUEST.includes(commandOf(argv) ?? '') ? RUN_EXIT.error : ordinary;
}

/** Commands whose exit status is that of a command in the guest. */
const STATUS_OF_GUEST = ['run', 'exec'];

/** Global options with a value. */
const WITH_VALUE = ['--conf', '--cut-dir'];

function commandOf(argv: readonly string[]): string | undefined {
  return argv.find(
    (word, index) => !word.startsWith('-') && !WITH_VALUE.includes(argv[index - 1] ?? ''),
  );
}
