import { resolve } from 'node:path';
import { createContext, openCut, requireWritable } from '../cli/context.ts';
import { HOST_CUT } from '../cut/load.ts';
import { EXIT, UsageError } from '../errors.ts';
import { repeatsTests } from '../formats/suites/fstests.ts';
import { ownFile } from '../host/directories.ts';
import { describePlan } from '../image/describe-plan.ts';
import type { CommandRequest } from '../image/resolve-request.ts';
import { findDisks } from '../machine/disks.ts';
import { requirePrograms } from '../machine/start.ts';
import { formatCommandLine } from '../sys/command-line.ts';
import { requireOutputFile } from '../sys/output-file.ts';
import { isReadable, whyUnreadable } from '../sys/stat.ts';
import type { Ui } from '../ui/terminal.ts';
import { describeDisk } from '../vm/disks.ts';
import type { RunRequest } from './context.ts';
import { readExpectedOf } from './expected-lists.ts';
import { planAhead, planRun } from './plan.ts';
import { recordRun } from './record.ts';
import { refuseCommand } from './refuse-command.ts';
import { type RunOptions, readRunOptions } from './settings.ts';

/** `rapido run [NAME]` @returns the exit status */
export async function runRun(
  name: string | undefined,
  options: RunOptions,
  ui: Ui,
): Promise<number> {
  const startedMs = performance.now();
  const context = createContext(options, ui);
  const asked = readRunOptions(options, context.cwd);
  if (asked.junit !== undefined) requireOutputFile('--junit', asked.junit);
  if (asked.html !== undefined) requireOutputFile('--html', asked.html);
  refuseMissingScript(asked.command, context.cwd);
  if (name === undefined && asked.command === undefined) {
    throw new UsageError('neither a target nor a command is given', {
      hint: '`rapido run -- uname -r`, or `rapido run simple-example`; `rapido list` shows the targets',
    });
  }
  const { cut, conf } = await openCut(context, name ?? HOST_CUT);
  requirePrograms(context);
  const expected = [...asked.expected, ...readExpectedOf(cut, context.directories)];
  const request: RunRequest = { settings: { ...asked, expected }, cut, conf, context };
  if (asked.resumeAfterCrash === true) refuseResuming(request);
  refuseCommand(request);
  if (asked.dryRun === true) return dryRun(request);
  requireWritable(context, asked.results === undefined ? ['cache', 'state'] : ['cache']);
  return recordRun(request, await planAhead(request), startedMs);
}

/** A missing script is a mistake in the command line: no other commit has it either. */
function refuseMissingScript(command: CommandRequest | undefined, cwd: string): void {
  if (command === undefined || !('script' in command)) return;
  const path = resolve(cwd, command.script);
  if (!isReadable(path)) throw new UsageError(`-f: ${whyUnreadable(path)}`);
}

/** --resume-after-crash requires that the scripts of the cut skip tests that are done, and that each test runs once. */
function refuseResuming({ cut, settings: { command } }: RunRequest): void {
  const { output, resumes } = cut.cut.test ?? {};
  if (resumes !== true || output === undefined) {
    throw new UsageError(`--resume-after-crash: ${cut.name} cannot skip tests that are done`, {
      hint: `test suites can; for a cut of your own, see \`test.resumes\` in ${ownFile('docs/writing-cuts.md')}`,
    });
  }
  const words =
    command !== undefined && 'arguments' in command ? command.arguments.map(String) : [];
  if (output !== 'fstests' || !repeatsTests(words)) return;
  throw new UsageError(
    '--resume-after-crash does not work with check options that repeat tests (-i, -I, -L)',
    {
      hint: 'remove -i, -I and -L: the names of repeated tests do not show which ones are done',
    },
  );
}

/** Prints what a run would do. @returns the exit status */
async function dryRun(request: RunRequest): Promise<number> {
  const { settings, conf, context } = request;
  const { ui } = context;
  const { kernel, image, servers } = await planRun(request);
  for (const { cut, image, number } of servers) {
    const where = number === undefined ? 'the next free VM' : `VM ${number}`;
    ui.result(`# ${cut.name}, a server, in ${where}:`);
    for (const line of describePlan(image.plan, kernel)) ui.result(line);
  }
  if (servers.length > 0) ui.result(`# ${request.cut.name}, once they are ready:`);
  for (const line of describePlan(image.plan, kernel)) ui.result(line);
  if (image.command !== undefined) {
    ui.result(`# the command: ${formatCommandLine(image.command.words.map(String))}`);
  }
  for (const disk of findDisks(1, { conf, context, options: settings }, true))
    ui.result(`# disk: ${describeDisk(disk)}`);
  ui.result(
    '# then QEMU; `rapido boot --dry-run` shows its command line, without the channels of a run',
  );
  return EXIT.ok;
}
