import { hostname, machine, release } from 'node:os';
import { dirname, resolve } from 'node:path';
import { kernelTree } from '../cli/context.ts';
import { VERSION } from '../cli/program.ts';
import { explainSystemError, type UserError } from '../errors.ts';
import { detectCi } from '../export/ci.ts';
import { isOwnTest } from '../image/resolve-command.ts';
import { bisectStatus } from '../results/bisect.ts';
import { decodeSplats, findDecoder } from '../results/decode-stacktrace.ts';
import { pruneConfigs } from '../results/kernel-config.ts';
import type { RunCommand, RunHost, RunResult } from '../results/run-result.ts';
import {
  createRun,
  discardRun,
  pruneRuns,
  type RunDirectory,
  runsDirectory,
} from '../results/store.ts';
import { type Blame, type Judgement, RUN_EXIT } from '../results/verdict.ts';
import { withFailureHandler } from '../sys/failure.ts';
import { cleaningUpOnSignals, type EndingSignal } from '../sys/signals.ts';
import { removeLitter } from '../sys/temporary.ts';
import { trustOf } from '../sys/trust.ts';
import { requireWritten } from '../ui/own-output.ts';
import { createSections, reportToCi } from './ci.ts';
import { type RunContext, type RunRequest, showProgress } from './context.ts';
import { runHook } from './hook.ts';
import { describeWords, type Performed, perform } from './perform.ts';
import { catchFailure, catchUserError, type RunPlan } from './plan.ts';
import { printResult, writeResults } from './report.ts';

/**
 * Creates the directory of a run, performs the run, and stores and prints its result.
 * @param startedMs `performance.now()` at the start of the call
 * @returns the exit status
 * @throws UserError
 */
export async function recordRun(
  request: RunRequest,
  makePlan: () => Promise<RunPlan>,
  startedMs: number,
): Promise<number> {
  const { settings, context, conf } = request;
  const parent = resultsDirectory(request);
  const run = await beginRun(request, parent, startedMs);
  const onFailure = (error: unknown): void => {
    Object.assign(run.result, errorOf(`rapido itself failed: ${describeError(error)}`));
    run.store();
  };
  return withFailureHandler(onFailure, async () => {
    const { failure, blames } = await performAndStore(run, makePlan);
    context.ui.endProgress();
    // A failure to prune does not affect this run.
    await catchUserError(() => {
      // The user prunes a directory that --results names.
      if (settings.results === undefined) pruneRuns(parent, conf.get('RESULTS_KEEP'));
      else removeLitter(parent);
      pruneConfigs(parent);
    });
    await print(run);
    reportToCi(run);
    await runHook(run, () => endStatus(run, blames));
    if (failure !== undefined) throw failure;
    return endStatus(run, blames);
  });
}

function resultsDirectory({ settings, context }: RunRequest): string {
  return settings.results === undefined
    ? runsDirectory(context.directories.state)
    : resolve(context.cwd, settings.results);
}

/** Makes the context of a run, with its directory. */
async function beginRun(
  request: RunRequest,
  parent: string,
  startedMs: number,
): Promise<RunContext> {
  const { settings } = request;
  // Loaded before the run, because an interrupted run writes its page, too.
  const page = settings.html === undefined ? undefined : await import('../page/write.ts');
  const started = new Date();
  const directory = createRun(parent, request.cut.name, started);
  const result = beginResult(directory, request, started);
  const store = (): void => {
    result.times.total = performance.now() - startedMs;
    writeResults({ directory, settings }, result);
    if (settings.html !== undefined) page?.writeRunPage(settings.html, directory, result);
  };
  const onInterrupt = (signal: EndingSignal): number => {
    Object.assign(result, interruptedBy(signal, result));
    store();
    return RUN_EXIT.interrupted;
  };
  const elapsed = (): number => Math.round(performance.now() - startedMs);
  const sections = createSections({ ...request, result });
  return { ...request, directory, result, sections, store, elapsed, onInterrupt };
}

/** The result of a run that has not begun. */
function beginResult({ id }: RunDirectory, request: RunRequest, started: Date): RunResult {
  return {
    version: 1,
    id,
    verdict: 'error',
    status: RUN_EXIT.error,
    reason: 'the run did not finish',
    cut: request.cut.name,
    rapido: VERSION,
    host: describeHost(),
    ...detectCi(request.context.env),
    ...suiteOfRun(request),
    command: describeCommand(request),
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

/** The suite whose results the cut reports. KTAP is the format of many. */
function suiteOfRun({ settings, cut }: RunRequest): Pick<RunResult, 'suite'> {
  const output = settings.ktap === true ? undefined : cut.cut.test?.output;
  return output === undefined || output === 'ktap' ? {} : { suite: output };
}

function describeHost(): RunHost {
  return { name: hostname(), release: release(), architecture: machine() };
}

/** The user's command; the cut's own command is not known until the image is planned. */
function describeCommand({ settings: { command } }: RunRequest): RunCommand | undefined {
  if (isOwnTest(command) || command === undefined) return undefined;
  return 'arguments' in command ? describeWords(command.arguments) : command;
}

/** Performs the run and writes its result. @throws UserError if nothing has run, so that no run is left behind */
async function performAndStore(
  run: RunContext,
  makePlan: () => Promise<RunPlan>,
): Promise<{ failure: UserError | undefined; blames: Blame }> {
  const { result } = run;
  let performed: Performed | undefined;
  const failure = await catchFailure(run, async () => {
    performed = await perform(run, makePlan);
  });
  run.sections.end();
  if (failure !== undefined && isRefusal(failure, result)) {
    discardRun(run.directory);
    pruneConfigs(dirname(run.directory.path));
    throw failure;
  }
  if (failure !== undefined) {
    Object.assign(result, errorOf(failure.message));
    result.notes.push(...failure.problems);
  }
  const unwritten = await catchUserError(run.store);
  if (unwritten !== undefined) {
    await storeLoss(run, `the results could not be written (${unwritten.message})`);
  } else if (performed !== undefined) {
    const done = performed;
    await catchUserError(() => addDecodedTraces(run, done));
  }
  return { failure: failure ?? unwritten, blames: performed?.blames ?? 'host' };
}

/** Whether the conf or the host prevented the start of the VM: as with errors found earlier, nothing has run. */
function isRefusal({ dependsOn }: UserError, { times, vm }: RunResult): boolean {
  const wasCut = times.build === undefined && times.cut !== undefined;
  return dependsOn === undefined && wasCut && vm === undefined;
}

/** Decoding takes seconds, so it is done after the results are stored: an interruption does not lose them. */
async function addDecodedTraces(run: RunContext, { kernel, blames }: Performed): Promise<void> {
  const { context, result } = run;
  if (result.verdict === 'interrupted' || result.splats.length === 0) return;
  const decoder = findDecoder(kernelTree(context)?.tree, trustOf(context.env));
  if (decoder === undefined) return;
  if ('unusable' in decoder) {
    result.notes.push(`traces are not decoded: ${decoder.unusable}`);
    run.store();
    return;
  }
  showProgress(run, 'decoding the traces');
  const decoded = await cleaningUpOnSignals(
    () => decodeSplats(result.splats, decoder, kernel.modules),
    () => endStatus(run, blames),
  );
  if (decoded.every(({ decoded }) => decoded === undefined)) return;
  result.splats = decoded;
  run.store();
}

/** Prints the result. @throws UserError if it cannot be printed */
async function print(run: RunContext): Promise<void> {
  printResult(run);
  const unprinted = await catchUserError(requireWritten);
  if (unprinted === undefined) return;
  await storeLoss(run, `the result could not be printed (${unprinted.message})`);
  throw unprinted;
}

/** If the user does not get the result, the stored one must not say `pass`. */
async function storeLoss({ result, store }: RunContext, loss: string): Promise<void> {
  Object.assign(result, errorOf(`${loss}; it was ${result.verdict}: ${result.reason}`));
  await catchUserError(store);
}

/** The exit status of rapido. */
function endStatus({ settings, result }: RunContext, blames: Blame): number {
  return settings.bisect === true ? bisectStatus(result, blames) : result.status;
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
