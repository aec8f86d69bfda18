import type { RunResult } from '../results/run-result.ts';
import type { RunDirectory } from '../results/store.ts';
import { readTail } from '../sys/read-tail.ts';
import { formatJson } from '../ui/plain-text.ts';
import type { ExportFormat } from './format-names.ts';
import { formatGithubSummary } from './github.ts';
import { formatJunit } from './junit.ts';
import { describeForKcidb } from './kcidb.ts';
import { describeForSquad } from './squad.ts';
import { formatKtap, formatTap } from './tap.ts';

/** How much of each output of the command is included in JUnit XML, in bytes. */
const OUTPUT = 128 * 1024;

/** A run as JUnit XML, with the end of the output of its command. */
export function exportJunit(run: Pick<RunDirectory, 'file'>, result: RunResult): string {
  return formatJunit(result, {
    stdout: readTail(run.file('stdout.log'), OUTPUT),
    stderr: readTail(run.file('stderr.log'), OUTPUT),
  });
}

/** @param origin for `kcidb`: the name of the CI system */
export function exportText(
  format: Exclude<ExportFormat, 'openqa'>,
  run: Pick<RunDirectory, 'file'>,
  result: RunResult,
  origin?: string,
): string {
  switch (format) {
    case 'junit':
      return exportJunit(run, result);
    case 'tap':
      return formatTap(result);
    case 'ktap':
      return formatKtap(result);
    case 'kcidb':
      return `${formatJson(describeForKcidb(result, origin))}\n`;
    case 'squad':
      return `${formatJson(describeForSquad(result))}\n`;
    case 'github':
      return formatGithubSummary(result);
  }
}
