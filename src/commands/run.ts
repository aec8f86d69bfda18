import { dirname, resolve } from 'node:path';
import type { Conf } from '../conf/conf.ts';
import { EXIT, explainSystemError, UsageError, UserError } from '../errors.ts';
import { describeSource } from '../host/git-describe.ts';
import { describePlan } from '../image/describe-plan.ts';
import { isOwnTest } from '../image/resolve-command.ts';
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
import { RUN_EXIT } from '../results/verdict.ts';
import { isDirectory, readTextIfReachable } from '../sys/stat.ts';
import { writeFileAtomic } from '../sys/temporary.ts';
import type { Ui } from '../ui/terminal.ts';
import { buildKernel } from './build-kernel.ts';
import { chooseKernel, createContext, openCut } from './context.ts';
import { cutRunImage, planRunImage } from './run-image.ts';
import { runInVm } from './run-in-vm.ts';
import { type Job, type StartedJob, showProgress } from './run-job.ts';
import { type RunOptions, readRunOptions } from './run-options.ts';
import { requirePrograms } from './start-vm.ts';

/** `rapido run NAME` @returns the exit status */
export async function runRun(name: string, options: RunOptions, ui: Ui): Promise<number> {
  const startedMs = performance.now();
  const context = createContext(options, ui);
  const settings = readRunOptions(options, context.cwd);
  if (settings.junit !== undefined && !isDirectory(dirname(settings.junit))) {
    throw new UsageError(`--junit: there is no directory ${dirname(settings.junit)}`);
  }
  const { cut, conf } = await openCut(context, name);
  requirePrograms(context);
  const job: Job = { options, settings, context, cut, conf };
  if (options.dryRun === true) return dryRun(job);
  const parent =
    options.results === undefined
      ? runsDirectory(context.directories.state)
      : resolve(context.cwd, options.results);
  const started = new Date();
  const run = createRun(parent, cut.name, started);
  const result = beginResult(run, job, started);
  const finish = (): void => {
    result.times.total = performance.now() - startedMs;
    writeResults(run, result, job);
    ui.endProgress();
    pruneRuns(parent, conf.get('RESULTS_KEEP'));
  };
  try {
    await perform({ ...job, run }, result);
  } catch (error) {
    const explained = explainSystemError(error);
    if (!(explained instanceof UserError)) throw error;
    result.reason = explained.message;
    finish();
    throw explained;
  }
  finish();
  report(run, result, job);
  return options.bisect === true ? bisectStatus(result) : result.status;
}

/** Prints what would be done, and does nothing. */
function dryRun(job: Job): number {
  const { ui } = job.context;
  const kernel = chooseKernel(job.conf);
  const { plan } = planRunImage(job, kernel);
  for (const line of describePlan(plan, kernel)) ui.result(line);
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

function describeCommand({ settings: { command }, cut }: Job): RunCommand | undefined {
  if (command !== undefined && !('arguments' in command)) return command;
  const given = (command?.arguments ?? []).map((word) => word.toString());
  const own = isOwnTest(command) ? cut.cut.test?.command : undefined;
  const words = [...(own ?? []), ...given];
  return words.length === 0 ? undefined : { arguments: words };
}

/** Builds, cuts and runs; `result` is filled in on the way. */
async function perform(job: StartedJob, result: RunResult): Promise<void> {
  const { settings, conf, run } = job;
  const { build } = settings;
  if (build !== undefined) {
    showProgress(job, 'building the kernel');
    result.times.build = await timed(() => buildKernel(build, conf, run.file('build.log')));
  }
  const kernel = chooseKernel(conf);
  const git = describeKernel(conf);
  result.kernel = { release: kernel.release, image: kernel.image, git: undefined };
  let path = '';
  result.times.cut = await timed(async () => {
    path = await cutRunImage(job, kernel);
  });
  await runInVm(job, kernel, path, result);
  result.kernel.git = await git;
  result.splats = await decodeSplats(result.splats, conf.get('KERNEL_SRC'), kernel.modules);
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

/** Writes result.json and junit.xml. A pass that cannot be written down is none. */
function writeResults(run: RunDirectory, result: RunResult, { settings }: Job): void {
  const read = (name: 'stdout.log' | 'stderr.log'): string =>
    readTextIfReachable(run.file(name)) ?? '';
  const junit = formatJunit(result, { stdout: read('stdout.log'), stderr: read('stderr.log') });
  writeFileAtomic(run.file('junit.xml'), junit);
  if (settings.junit !== undefined) writeFileAtomic(settings.junit, junit, 0o644);
  finishRun(run, result);
}

function report(run: RunDirectory, result: RunResult, { options, context: { ui } }: Job): void {
  if (options.json === true) ui.result(JSON.stringify(result, null, 2));
  if (options.quiet === true) return;
  const consoleTail = (readTextIfReachable(run.file('console.log')) ?? '').slice(-8192);
  const files = { directory: run.path, consoleTail };
  for (const line of formatSummary(result, files, ui.paintError)) ui.note(line);
}
