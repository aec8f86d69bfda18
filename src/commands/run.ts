import { dirname, resolve } from 'node:path';
import type { Conf } from '../conf/conf.ts';
import { EXIT, explainSystemError, UsageError, UserError } from '../errors.ts';
import { describeSource } from '../host/git-describe.ts';
import type { Kernel } from '../host/kernel.ts';
import { describePlan } from '../image/describe-plan.ts';
import { isOwnTest, type ResolvedCommand } from '../image/resolve-command.ts';
import type { CommandRequest } from '../image/resolve-request.ts';
import { bisectStatus } from '../results/bisect.ts';
import { decodeSplats } from '../results/decode-stacktrace.ts';
import { formatJunit } from '../results/junit.ts';
import type { RunCommand, RunResult } from '../results/run-result.ts';
import {
  createRun,
  finishRun,
  pruneRuns,
  type RunDirectory,
  runsDirectory,
} from '../results/store.ts';
import { formatSummary } from '../results/summary.ts';
import { type Blame, type Judgement, RUN_EXIT } from '../results/verdict.ts';
import { repeatsTests } from '../suites/fstests.ts';
import { formatCommandLine } from '../sys/command-line.ts';
import { readTail } from '../sys/read-tail.ts';
import { cleaningUpOnSignals, type EndingSignal } from '../sys/signals.ts';
import { isDirectory, isReadable, isWritable, lstatIfReachable } from '../sys/stat.ts';
import { writeFileAtomic } from '../sys/temporary.ts';
import type { Ui } from '../ui/terminal.ts';
import { describeDisk } from '../vm/disks.ts';
import { buildKernel } from './build-kernel.ts';
import { chooseKernel, createContext, openCut } from './context.ts';
import { prepareKernelImage } from './kernel-image.ts';
import { readExpectedOf } from './read-expected.ts';
import { refuseCommand } from './refuse-command.ts';
import { cutRunImage, planRunImage, planServerImage } from './run-image.ts';
import { type Job, type StartedJob, showProgress } from './run-job.ts';
import { type RunOptions, readRunOptions } from './run-options.ts';
import { prepareServers } from './run-servers.ts';
import { runWithServers } from './run-with-servers.ts';
import { requirePrograms } from './start-vm.ts';
import { findDisks } from './vm-disks.ts';

/** `rapido run NAME` @returns the exit status */
export async function runRun(name: string, options: RunOptions, ui: Ui): Promise<number> {
  const startedMs = performance.now();
  const context = createContext(options, ui);
  const asked = readRunOptions(options, context.cwd);
  refuseStrangeTarget(asked.junit);
  refuseMissingScript(asked.command, context.cwd);
  const { cut, conf } = await openCut(context, name);
  requirePrograms(context);
  const expected = [...asked.expected, ...readExpectedOf(cut, context.directories)];
  const settings = { ...asked, expected };
  const job: Job = { options, settings, context, cut, conf };
  if (options.resumeAfterCrash === true) refuseResuming(job);
  refuseCommand(job);
  if (options.dryRun === true) return dryRun(job);
  const parent =
    options.results === undefined
      ? runsDirectory(context.directories.state)
      : resolve(context.cwd, options.results);
  const started = new Date();
  const run = createRun(parent, cut.name, started);
  const result = beginResult(run, job, started);
  const store = (): void => {
    result.times.total = performance.now() - startedMs;
    writeResults(run, result, job);
  };
  const onInterrupt = (signal: EndingSignal): number => {
    Object.assign(result, interruptedBy(signal, result));
    store();
    return RUN_EXIT.interrupted;
  };
  let blames: Blame = 'host';
  let kernel: Kernel | undefined;
  const failure = await catchUserError(async () => {
    ({ blames, kernel } = await perform({ ...job, run, onInterrupt }, result));
  });
  if (failure !== undefined) {
    result.reason = failure.message;
    result.notes.push(...failure.problems);
  }
  const unwritten = await catchUserError(store);
  if (failure === undefined && unwritten === undefined) {
    await catchUserError(() => addDecodedTraces(result, job, kernel?.modules, store));
  }
  ui.endProgress();
  // Old runs that cannot be removed are nothing against this one.
  await catchUserError(() => void pruneRuns(parent, conf.get('RESULTS_KEEP')));
  report(run, result, job);
  if (failure !== undefined || unwritten !== undefined) throw failure ?? unwritten;
  return options.bisect === true ? bisectStatus(result, blames) : result.status;
}

/** @returns the mistake, or what the system refused; anything else is thrown */
async function catchUserError(work: () => Promise<void> | void): Promise<UserError | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    const explained = explainSystemError(error);
    if (explained instanceof UserError) return explained;
    throw error;
  }
}

/** A misspelt script is a mistake of the command line: no other commit will have it. */
function refuseMissingScript(command: CommandRequest | undefined, cwd: string): void {
  if (command === undefined || !('script' in command)) return;
  const path = resolve(cwd, command.script);
  if (!isReadable(path)) throw new UsageError(`-f: ${path} cannot be read`);
}

/** Going on after a crash takes scripts that heed which tests are done, and tests that run once. */
function refuseResuming({ cut, settings: { command } }: Job): void {
  const { output, resumes } = cut.cut.test ?? {};
  if (resumes !== true || output === undefined) {
    throw new UsageError(`--resume-after-crash: ${cut.name} cannot leave out tests that are done`, {
      hint: 'cuts of test suites can; for your own: `test.resumes` in docs/writing-cuts.md',
    });
  }
  const words =
    command !== undefined && 'arguments' in command ? command.arguments.map(String) : [];
  if (output !== 'fstests' || !repeatsTests(words)) return;
  throw new UsageError('--resume-after-crash: check is to run tests more than once (-i, -I, -L)', {
    hint: 'by their names it cannot be told which of those are done',
  });
}

/** What is there and is no file must not be replaced: /dev/stdout, a directory. */
function refuseStrangeTarget(junit: string | undefined): void {
  if (junit === undefined) return;
  if (!isDirectory(dirname(junit))) {
    throw new UsageError(`--junit: there is no directory ${dirname(junit)}`);
  }
  if (!isWritable(dirname(junit))) {
    throw new UsageError(`--junit: ${dirname(junit)} cannot be written by this user`);
  }
  const stats = lstatIfReachable(junit);
  if (stats !== undefined && !stats.isFile()) {
    throw new UsageError(`--junit: ${junit} is there, and is no regular file`);
  }
}

function interruptedBy(signal: EndingSignal, { vm }: RunResult): Judgement {
  const when = vm === undefined ? 'before the VM was started' : 'between two boots';
  return {
    verdict: 'interrupted',
    status: RUN_EXIT.interrupted,
    reason: `interrupted by ${signal} ${when}`,
  };
}

/** Prints what would be done, and does nothing. */
async function dryRun(job: Job): Promise<number> {
  const { context, settings } = job;
  const { ui } = context;
  const kernel = chooseKernel(job.conf);
  for (const { name, number } of settings.servers) {
    const { cut, conf } = await openCut(context, name);
    const { plan } = planServerImage({ ...job, cut, conf }, kernel);
    const where = number === undefined ? 'the next free VM' : `VM ${number}`;
    ui.result(`# ${cut.name}, a server, in ${where}:`);
    for (const line of describePlan(plan, kernel)) ui.result(line);
  }
  if (settings.servers.length > 0) ui.result(`# ${job.cut.name}, once they are ready:`);
  const { plan, command } = planRunImage(job, kernel);
  for (const line of describePlan(plan, kernel)) ui.result(line);
  if (command !== undefined) {
    ui.result(`# the command: ${formatCommandLine(command.words.map(String))}`);
  }
  for (const disk of findDisks(1, job, true)) ui.result(`# disk: ${describeDisk(disk)}`);
  ui.result('# then QEMU, whose command line `rapido boot --dry-run` shows but for the channels');
  return EXIT.ok;
}

/** What is known before anything is done. */
function beginResult({ id }: RunDirectory, job: Job, started: Date): RunResult {
  const { cut } = job;
  return {
    version: 1,
    id,
    verdict: 'error',
    status: RUN_EXIT.error,
    reason: 'it did not come to its end',
    cut: cut.name,
    command: describeCommand(job),
    commandStatus: undefined,
    autorun: [],
    kernel: undefined,
    vm: undefined,
    started: started.toISOString(),
    times: {
      ...{ build: undefined, cut: undefined, boot: undefined, autorun: undefined },
      ...{ command: undefined, powerOff: undefined, total: 0 },
    },
    tests: [],
    splats: [],
    notes: [],
  };
}

/** What the user asks for; the cut's own command is known when its words have been expanded. */
function describeCommand({ settings: { command } }: Job): RunCommand | undefined {
  if (isOwnTest(command) || command === undefined) return undefined;
  return 'arguments' in command ? describeWords(command.arguments) : command;
}

function describeWords(words: readonly Buffer[]): RunCommand {
  return { arguments: words.map((word) => word.toString()) };
}

/** Builds, cuts and runs; `result` is filled in on the way. */
async function perform(
  job: StartedJob,
  result: RunResult,
): Promise<{ blames: Blame; kernel: Kernel }> {
  const { settings, conf } = job;
  const { build } = settings;
  if (build !== undefined) {
    showProgress(job, 'building the kernel');
    result.times.build = await timed(() => buildKernel(build, job));
  }
  const kernel = chooseKernel(conf);
  const git = describeKernel(conf);
  result.kernel = { release: kernel.release, image: kernel.image, git: undefined };
  // Done while the image is cut.
  const preparing = prepareKernelImage(
    { ...job, kernel, qemuArguments: [] },
    {
      onUnpack: () => showProgress(job, 'unpacking the kernel'),
      onSignal: job.onInterrupt,
    },
  );
  preparing.catch(() => {}); // Where cutting fails, nobody waits for it.
  let path = '';
  let command: ResolvedCommand | undefined;
  result.times.cut = await timed(async () => {
    const resolved = planRunImage(job, kernel);
    command = resolved.command;
    // What the user says for the cut's own command is a part of it.
    if (command?.isOwnTest) result.command = describeWords(command.words);
    path = (await cutRunImage(job, resolved)).path;
  });
  const servers = await prepareServers(job, kernel);
  const parts = { kernel, kernelImage: await preparing, path, command };
  const blames = await runWithServers(job, parts, servers, result);
  result.kernel.git = await git;
  return { blames, kernel };
}

/** Decoding takes seconds: the results are safe already, and who interrupts this keeps them. */
async function addDecodedTraces(
  result: RunResult,
  job: Job,
  modules: string | undefined,
  store: () => void,
): Promise<void> {
  const { conf } = job;
  if (result.verdict === 'interrupted' || result.splats.length === 0) return;
  showProgress(job, 'decoding the traces');
  const decoded = await cleaningUpOnSignals(
    () => decodeSplats(result.splats, conf.get('KERNEL_SRC'), modules),
    () => result.status,
  );
  if (decoded.every(({ decoded }) => decoded === undefined)) return;
  result.splats = decoded;
  store();
}

/** @returns milliseconds */
async function timed(work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

async function describeKernel(conf: Conf): Promise<string | undefined> {
  const tree = conf.get('KERNEL_SRC');
  return tree === undefined ? undefined : describeSource(tree);
}

/** Writes result.json, then junit.xml. A pass that cannot be written down is none. */
function writeResults(run: RunDirectory, result: RunResult, { settings }: Job): void {
  finishRun(run, result);
  const [stdout, stderr] = [run.file('stdout.log'), run.file('stderr.log')];
  const junit = formatJunit(result, {
    stdout: readTail(stdout, OUTPUT),
    stderr: readTail(stderr, OUTPUT),
  });
  writeFileAtomic(run.file('junit.xml'), junit);
  if (settings.junit !== undefined) writeFileAtomic(settings.junit, junit, 0o644);
}

/** How much of the output goes into junit.xml, and of the console to the user, in bytes. */
const OUTPUT = 128 * 1024;
const CONSOLE = 8192;

function report(run: RunDirectory, result: RunResult, { options, context: { ui } }: Job): void {
  if (options.json === true) ui.result(JSON.stringify(result, null, 2));
  // A run that never got to a VM ends in an error, which says it all.
  if (options.quiet === true || result.vm === undefined) return;
  const files = { directory: run.path, consoleTail: readTail(run.file('console.log'), CONSOLE) };
  for (const line of formatSummary(result, files, ui.paintError)) ui.note(line);
}
