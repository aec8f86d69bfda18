import { resolve } from 'node:path';
import type { Conf } from '../conf/conf.ts';
import { explainSystemError, type UserError } from '../errors.ts';
import { describeSource } from '../host/git-describe.ts';
import type { Kernel } from '../host/kernel.ts';
import { isOwnTest } from '../image/resolve-command.ts';
import { prepareKernelImage } from '../machine/kernel-image.ts';
import { bisectStatus } from '../results/bisect.ts';
import { decodeSplats, findDecoder } from '../results/decode-stacktrace.ts';
import { formatJunit } from '../results/junit.ts';
import type { RunCommand, RunResult } from '../results/run-result.ts';
import {
  createRun,
  discardRun,
  finishRun,
  pruneRuns,
  type RunDirectory,
  runsDirectory,
} from '../results/store.ts';
import { formatSummary } from '../results/summary.ts';
import { type Blame, type Judgement, RUN_EXIT } from '../results/verdict.ts';
import { withFailureHandler } from '../sys/failure.ts';
import { readTail } from '../sys/read-tail.ts';
import { cleaningUpOnSignals, type EndingSignal } from '../sys/signals.ts';
import { listIfReachable } from '../sys/stat.ts';
import { removeLitter, writeFileAtomic } from '../sys/temporary.ts';
import { trustOf } from '../sys/trust.ts';
import { requireWritten } from '../ui/own-output.ts';
import { formatJson } from '../ui/plain-text.ts';
import { buildKernel } from './build-kernel.ts';
import { type Job, type StartedJob, showProgress } from './context.ts';
import { cutRunImage } from './image.ts';
import { catchFailure, catchUserError, type RunPlan } from './plan.ts';
import { prepareServers } from './servers.ts';
import { runWithServers } from './with-servers.ts';

/**
 * Creates the directory of a run, performs the run, and reports its result.
 * @returns the exit status
 * @throws UserError
 */
export async function recordRun(
  job: Job,
  plan: () => Promise<RunPlan>,
  startedMs: number,
): Promise<number> {
  const { options, context, cut, conf } = job;
  const parent = resultsDirectory(job);
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
  const onFailure = (error: unknown): void => {
    Object.assign(result, errorOf(`rapido itself failed: ${describeError(error)}`));
    store();
  };
  return withFailureHandler(onFailure, async () => {
    const startedJob = { ...job, run, onInterrupt };
    const { failure, blames } = await carryOut(startedJob, plan, result, store);
    context.ui.endProgress();
    // A failure to prune does not affect this run.
    await catchUserError(() => {
      // The user prunes a directory that --results names.
      if (options.results === undefined) pruneRuns(parent, conf.get('RESULTS_KEEP'));
      else removeLitter(parent);
    });
    await report(startedJob, result, store);
    if (failure !== undefined) throw failure;
    return endStatus(job, result, blames);
  });
}

/** The exit status of rapido. */
function endStatus({ options }: Job, result: RunResult, blames: Blame): number {
  return options.bisect === true ? bisectStatus(result, blames) : result.status;
}

/** Whether the conf or the host prevented the start of the VM: as with errors found earlier, nothing has run. */
function isRefusal({ dependsOn }: UserError, { times, vm }: RunResult): boolean {
  const wasCut = times.build === undefined && times.cut !== undefined;
  return dependsOn === undefined && wasCut && vm === undefined;
}

function resultsDirectory({ options, context }: Job): string {
  return options.results === undefined
    ? runsDirectory(context.directories.state)
    : resolve(context.cwd, options.results);
}

/** Performs the run and writes its result. */
async function carryOut(
  job: StartedJob,
  plan: () => Promise<RunPlan>,
  result: RunResult,
  store: () => void,
): Promise<{ failure: UserError | undefined; blames: Blame }> {
  let blames: Blame = 'host';
  let kernel: Kernel | undefined;
  const failure = await catchFailure(job, async () => {
    ({ blames, kernel } = await perform(job, plan, result));
  });
  if (failure !== undefined && isRefusal(failure, result)) {
    discardRun(job.run);
    throw failure;
  }
  if (failure !== undefined) {
    Object.assign(result, errorOf(failure.message));
    result.notes.push(...failure.problems);
  }
  const unwritten = await catchUserError(store);
  if (unwritten !== undefined) {
    await storeLoss(result, `the results could not be written (${unwritten.message})`, store);
  } else if (failure === undefined) {
    await catchUserError(() =>
      addDecodedTraces(result, job, { modules: kernel?.modules, blames, store }),
    );
  }
  return { failure: failure ?? unwritten, blames };
}

/** The result of a run that has not begun. */
function beginResult({ id }: RunDirectory, job: Job, started: Date): RunResult {
  const { cut } = job;
  return {
    version: 1,
    id,
    verdict: 'error',
    status: RUN_EXIT.error,
    reason: 'the run did not finish',
    cut: cut.name,
    command: describeCommand(job),
    commandStatus: undefined,
    autorun: [],
    kernel: undefined,
    vm: undefined,
    started: started.toISOString(),
    times: {
      build: undefined,
      cut: undefined,
      boot: undefined,
      autorun: undefined,
      command: undefined,
      powerOff: undefined,
      total: 0,
    },
    tests: [],
    splats: [],
    notes: [],
  };
}

/** The user's command; the cut's own command is not known until the image is planned. */
function describeCommand({ settings: { command } }: Job): RunCommand | undefined {
  if (isOwnTest(command) || command === undefined) return undefined;
  return 'arguments' in command ? describeWords(command.arguments) : command;
}

function describeWords(words: readonly Buffer[]): RunCommand {
  return { arguments: words.map((word) => word.toString()) };
}

/** Builds the kernel, cuts the images and boots them. Fills in `result` step by step. */
async function perform(
  job: StartedJob,
  plan: () => Promise<RunPlan>,
  result: RunResult,
): Promise<{ blames: Blame; kernel: Kernel }> {
  const { build } = job.settings;
  if (build !== undefined) {
    showProgress(job, 'building the kernel');
    result.times.build = await timed(() => buildKernel(build, job));
  }
  const { kernel, image, servers, took } = await plan();
  const git = describeKernel(job.conf);
  result.kernel = { release: kernel.release, image: kernel.image, git: undefined };
  // Here the user's arguments are a part of the cut's own command.
  if (image.command?.isOwnTest) result.command = describeWords(image.command.words);
  // Runs while the image is cut.
  const preparing = prepareKernelImage(
    { ...job, kernel, qemuArguments: [] },
    {
      onUnpack: () => showProgress(job, 'unpacking the kernel'),
      onSignal: job.onInterrupt,
    },
  );
  preparing.catch(() => {}); // Avoids an unhandled rejection if cutting fails first.
  const startedMs = performance.now();
  const { path } = await cutRunImage(job, image);
  const prepared = await prepareServers(job, kernel, servers);
  result.times.cut = took + performance.now() - startedMs;
  const parts = { kernel, kernelImage: await preparing, path, command: image.command };
  const blames = await runWithServers(job, parts, prepared, result);
  result.kernel.git = await git;
  return { blames, kernel };
}

/** Decoding takes seconds, so it is done after the results are stored: an interruption does not lose them. */
async function addDecodedTraces(
  result: RunResult,
  job: Job,
  { modules, blames, store }: { modules: string | undefined; blames: Blame; store: () => void },
): Promise<void> {
  const { conf, context } = job;
  if (result.verdict === 'interrupted' || result.splats.length === 0) return;
  const decoder = findDecoder(conf.get('KERNEL_SRC'), trustOf(context.env));
  if (decoder === undefined) return;
  if ('unusable' in decoder) {
    result.notes.push(`traces are not decoded: ${decoder.unusable}`);
    store();
    return;
  }
  showProgress(job, 'decoding the traces');
  const decoded = await cleaningUpOnSignals(
    () => decodeSplats(result.splats, decoder, modules),
    () => endStatus(job, result, blames),
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

/** Writes result.json, then junit.xml. @throws UserError: a pass that cannot be stored does not count */
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

/** How much of the output is included in junit.xml, and how much of the console is printed, in bytes. */
const OUTPUT = 128 * 1024;
const CONSOLE = 8192;

/** Prints the result of a run. @throws UserError if it cannot be printed */
async function report(job: StartedJob, result: RunResult, store: () => void): Promise<void> {
  const {
    options,
    run,
    context: { ui },
  } = job;
  if (options.json === true) ui.result(formatJson(result));
  // A run that started no VM ends with an error message, which is enough.
  if (options.quiet !== true && result.vm !== undefined) {
    const files = {
      directory: run.path,
      consoleTail: readTail(run.file('console.log'), CONSOLE),
      hasGuestFiles: hasGuestFiles(job),
    };
    for (const line of formatSummary(result, files, ui.paintError)) ui.note(line);
  }
  const unprinted = await catchUserError(requireWritten);
  if (unprinted === undefined) return;
  await storeLoss(result, `the result could not be printed (${unprinted.message})`, store);
  throw unprinted;
}

/** Whether the guest wrote files, apart from those that are passed on from run to run. */
function hasGuestFiles({ run, cut }: StartedJob): boolean {
  const carried = cut.cut.test?.carry ?? [];
  return listIfReachable(run.file('guest')).some((name) => !carried.includes(name));
}

/** If the user does not get the result, the stored one must not say `pass`. */
async function storeLoss(result: RunResult, loss: string, store: () => void): Promise<void> {
  Object.assign(result, errorOf(`${loss}; it was ${result.verdict}: ${result.reason}`));
  await catchUserError(store);
}

function interruptedBy(signal: EndingSignal, { vm }: RunResult): Judgement {
  const when = vm === undefined ? 'before the VM was started' : 'between two boots';
  return {
    verdict: 'interrupted',
    status: RUN_EXIT.interrupted,
    reason: `interrupted by ${signal} ${when}`,
  };
}

function errorOf(reason: string): Judgement {
  return { verdict: 'error', status: RUN_EXIT.error, reason };
}

function describeError(error: unknown): string {
  const explained = explainSystemError(error);
  return explained instanceof Error ? explained.message : String(explained);
}
