import { resolve } from 'node:path';
import type { Conf } from '../conf/conf.ts';
import { explainSystemError, type UserError } from '../errors.ts';
import { describeSource } from '../host/git-describe.ts';
import type { Kernel } from '../host/kernel.ts';
import { isOwnTest } from '../image/resolve-command.ts';
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
import { withLastAct } from '../sys/failure.ts';
import { readTail } from '../sys/read-tail.ts';
import { cleaningUpOnSignals, type EndingSignal } from '../sys/signals.ts';
import { listIfReachable } from '../sys/stat.ts';
import { removeLitter, writeFileAtomic } from '../sys/temporary.ts';
import { trustOf } from '../sys/trust.ts';
import { requireWritten } from '../ui/own-output.ts';
import { formatJson } from '../ui/plain-text.ts';
import { buildKernel } from './build-kernel.ts';
import { prepareKernelImage } from './kernel-image.ts';
import { cutRunImage } from './run-image.ts';
import { type Job, type StartedJob, showProgress } from './run-job.ts';
import { catchFailure, catchUserError, type RunPlan } from './run-plan.ts';
import { prepareServers } from './run-servers.ts';
import { runWithServers } from './run-with-servers.ts';

/** Makes the directory of a run, does what the run is for, and reports what came of it. */
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
  return withLastAct(onFailure, async () => {
    const startedJob = { ...job, run, onInterrupt };
    const { failure, blames } = await carryOut(startedJob, plan, result, store);
    context.ui.endProgress();
    // What cannot be removed is nothing against this run.
    await catchUserError(() => {
      // A directory that the user names is theirs to tidy up.
      if (options.results === undefined) pruneRuns(parent, conf.get('RESULTS_KEEP'));
      else removeLitter(parent);
    });
    await report(startedJob, result, store);
    if (failure !== undefined) throw failure;
    return endStatus(job, result, blames);
  });
}

/** What rapido exits with. */
function endStatus({ options }: Job, result: RunResult, blames: Blame): number {
  return options.bisect === true ? bisectStatus(result, blames) : result.status;
}

/** A VM that its conf or this host keeps from starting: as with what is refused earlier, nothing was run. */
function isRefusal({ dependsOn }: UserError, { times, vm }: RunResult): boolean {
  const wasCut = times.build === undefined && times.cut !== undefined;
  return dependsOn === undefined && wasCut && vm === undefined;
}

function resultsDirectory({ options, context }: Job): string {
  return options.results === undefined
    ? runsDirectory(context.directories.state)
    : resolve(context.cwd, options.results);
}

/** Does what the run is for, and writes down what came of it. */
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
  // What the user says for the cut's own command is a part of it.
  if (image.command?.isOwnTest) result.command = describeWords(image.command.words);
  // Done while the image is cut.
  const preparing = prepareKernelImage(
    { ...job, kernel, qemuArguments: [] },
    {
      onUnpack: () => showProgress(job, 'unpacking the kernel'),
      onSignal: job.onInterrupt,
    },
  );
  preparing.catch(() => {}); // Where cutting fails, nobody waits for it.
  const startedMs = performance.now();
  const { path } = await cutRunImage(job, image);
  const prepared = await prepareServers(job, kernel, servers);
  result.times.cut = took + performance.now() - startedMs;
  const parts = { kernel, kernelImage: await preparing, path, command: image.command };
  const blames = await runWithServers(job, parts, prepared, result);
  result.kernel.git = await git;
  return { blames, kernel };
}

/** Decoding takes seconds: the results are safe already, and who interrupts this keeps them. */
async function addDecodedTraces(
  result: RunResult,
  job: Job,
  { modules, blames, store }: { modules: string | undefined; blames: Blame; store: () => void },
): Promise<void> {
  const { conf, context } = job;
  if (result.verdict === 'interrupted' || result.splats.length === 0) return;
  const decoder = findDecoder(conf.get('KERNEL_SRC'), trustOf(context.env));
  if (decoder === undefined) return;
  if ('strange' in decoder) {
    result.notes.push(`traces have no files and lines: ${decoder.strange}`);
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

/** Tells the user what came of a run. @throws UserError where that could not be printed */
async function report(job: StartedJob, result: RunResult, store: () => void): Promise<void> {
  const {
    options,
    run,
    context: { ui },
  } = job;
  if (options.json === true) ui.result(formatJson(result));
  // A run that never got to a VM ends in an error, which says it all.
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

/** Files that the guest left, beside those that every run of the cut hands on to the next. */
function hasGuestFiles({ run, cut }: StartedJob): boolean {
  const carried = cut.cut.test?.carry ?? [];
  return listIfReachable(run.file('guest')).some((name) => !carried.includes(name));
}

/** Where the result is lost on its way to the user, what is left of it in the files must not say `pass`. */
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
