import { CommanderError } from '@commander-js/extra-typings';
import { type CommandEntry, ownWords, runProgram, VERSION } from './cli/program.ts';
import { boot } from './commands/boot.ts';
import { clean } from './commands/clean.ts';
import { completion } from './commands/completion.ts';
import { conf } from './commands/conf.ts';
import { console } from './commands/console.ts';
import { cut } from './commands/cut.ts';
import { doctor } from './commands/doctor.ts';
import { dump } from './commands/dump.ts';
import { exec } from './commands/exec.ts';
import { gdb } from './commands/gdb.ts';
import { initCuts } from './commands/init-cuts.ts';
import { kconfig } from './commands/kconfig.ts';
import { list } from './commands/list.ts';
import { names } from './commands/names.ts';
import { ps } from './commands/ps.ts';
import { results } from './commands/results.ts';
import { resultsMerge } from './commands/results-merge.ts';
import { run } from './commands/run.ts';
import { setupNetwork } from './commands/setup-network.ts';
import { setupRamdisk } from './commands/setup-ramdisk.ts';
import { stop } from './commands/stop.ts';
import { teardownNetwork } from './commands/teardown-network.ts';
import { teardownRamdisk } from './commands/teardown-ramdisk.ts';
import { EXIT, explainSystemError, UserError } from './errors.ts';
import { failureStatus } from './results/bisect.ts';
import { cleanUpAfterFailure } from './sys/failure.ts';
import { requireWritten, watchOwnOutput } from './ui/own-output.ts';
import { reportError } from './ui/report-error.ts';

/** In the order of the help; a command with subcommands is a list that begins with it. */
export const COMMANDS: readonly CommandEntry[] = [
  list,
  cut,
  boot,
  run,
  [results, resultsMerge],
  ps,
  exec,
  console,
  gdb,
  dump,
  stop,
  doctor,
  conf,
  clean,
  kconfig,
  initCuts,
  setupNetwork,
  teardownNetwork,
  setupRamdisk,
  teardownRamdisk,
  completion,
  names,
];

/** Runs a command line, without the program's name. @returns the exit status */
export async function main(argv: readonly string[]): Promise<number> {
  watchOwnOutput();
  try {
    const status = await runProgram(COMMANDS, argv);
    await requireWritten();
    return status;
  } catch (error) {
    if (error instanceof CommanderError)
      return failureStatus(ownWords(argv), { ordinary: EXIT.usage });
    const explained = explainSystemError(error);
    reportError(explained, process.stderr, VERSION);
    if (!(explained instanceof UserError)) return failureStatus(ownWords(argv), {});
    const { exitCode: ordinary, dependsOn } = explained;
    return failureStatus(ownWords(argv), { ordinary, mayBeSkipped: dependsOn !== undefined });
  }
}

/**
 * Reports an unexpected error, after the clean-up that must not be omitted. @returns the exit status of the
 * process, which must end now
 */
export function fail(error: unknown, argv: readonly string[]): number {
  cleanUpAfterFailure(error);
  reportError(explainSystemError(error), process.stderr, VERSION);
  return failureStatus(ownWords(argv), {});
}
