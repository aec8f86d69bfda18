import { type Context, describeKernel, kernelTree } from '../cli/context.ts';
import { architectureOf } from '../host/architecture.ts';
import { describeSource, type Source } from '../host/git-describe.ts';
import type { Kernel } from '../host/kernel.ts';
import type { ResolvedCommand } from '../image/resolve-command.ts';
import { prepareKernelImage } from '../machine/kernel-image.ts';
import type { VmSources } from '../machine/start.ts';
import { keepConfig } from '../results/kernel-config.ts';
import type { RunCommand, RunKernel, RunResult, RunShard } from '../results/run-result.ts';
import {
  describeServer,
  type EndedServer,
  judgeServer,
  judgeWithServers,
  splatsOf,
} from '../results/servers.ts';
import { type Blame, RUN_EXIT } from '../results/verdict.ts';
import { startDeadline } from '../sys/deadline.ts';
import { runBoots } from './boots.ts';
import { buildKernel } from './build-kernel.ts';
import { type RunContext, showProgress } from './context.ts';
import { cutRunImage } from './image.ts';
import type { BootSetup } from './one-boot.ts';
import type { RunPlan } from './plan.ts';
import { consoleName, prepareServers, startServers } from './servers.ts';

/** A run whose VMs have ended. */
export interface Performed {
  kernel: Kernel;
  /** What a verdict other than `pass` is blamed on. */
  blames: Blame;
}

/** Builds the kernel, cuts the images and boots them. Fills in the result step by step. @throws UserError */
export async function perform(
  run: RunContext,
  makePlan: () => Promise<RunPlan>,
): Promise<Performed> {
  const { settings, result } = run;
  run.sections.enter({
    name: 'rapido_cut',
    title: 'rapido: kernel and image',
    hasGuestOutput: false,
  });
  if (settings.build !== undefined) {
    const startedMs = performance.now();
    showProgress(run, 'building the kernel');
    await buildKernel(settings.build, run);
    result.times.build = performance.now() - startedMs;
  }
  const plan = await makePlan();
  const { kernel, image } = plan;
  if (settings.quiet !== true) run.context.ui.note(describeKernel(kernel));
  const git = describeTree(run.context);
  result.kernel = describeKernelOf(run, kernel);
  // Here the user's arguments are a part of the cut's own command.
  if (image.command?.isOwnTest) result.command = describeWords(image.command.words);
  result.shard = describeShard(run, image.command) ?? result.shard;
  const { path, kernelImage, servers } = await prepare(run, plan);
  const title = `rapido: output of ${run.cut.name}`;
  run.sections.enter({ name: 'rapido_run', title, hasGuestOutput: true });
  const deadline = startDeadline(settings.limits.total);
  const setup = { kernel, kernelImage, command: image.command, deadline, servers: undefined };
  const blames =
    servers.length === 0
      ? await runBoots(run, path, setup)
      : await runBootsWithServers(run, path, setup, servers);
  Object.assign(result.kernel, await git);
  return { kernel, blames };
}

/** What is known of the kernel before git has answered. Keeps its configuration with the run. */
function describeKernelOf({ directory }: RunContext, kernel: Kernel): RunKernel {
  const { release, image, config: source } = kernel;
  const config = source === undefined ? undefined : keepConfig(directory, source);
  return {
    release,
    image,
    git: undefined,
    architecture: architectureOf(process.arch).name,
    ...(config !== undefined && { config }),
  };
}

/** @returns undefined if the run is not split */
function describeShard(
  { settings: { shard } }: RunContext,
  command: ResolvedCommand | undefined,
): RunShard | undefined {
  if (shard === undefined || command?.tests === undefined || command.list === undefined) {
    return undefined;
  }
  const { index, count } = shard;
  return { index, count, tests: [...command.tests], list: command.list };
}

export function describeWords(words: readonly Buffer[]): RunCommand {
  return { arguments: words.map((word) => word.toString()) };
}

async function describeTree(context: Context): Promise<Source> {
  const tree = kernelTree(context)?.tree;
  return tree === undefined ? {} : describeSource(tree);
}

/** Everything that is made before the first VM starts. */
interface Prepared {
  /** Path of the image under test. */
  path: string;
  /** Path of the kernel image that QEMU boots. */
  kernelImage: string;
  servers: VmSources[];
}

/** Cuts all images. Unpacks the kernel meanwhile. */
async function prepare(run: RunContext, plan: RunPlan): Promise<Prepared> {
  const { conf, context } = run;
  const { kernel, image } = plan;
  const unpacking = prepareKernelImage(
    { kernel, conf, context, qemuArguments: run.settings.qemuArg ?? [] },
    {
      onUnpack: () => showProgress(run, 'unpacking the kernel'),
      onSignal: run.onInterrupt,
    },
  );
  unpacking.catch(() => {}); // Avoids an unhandled rejection if cutting fails first.
  const startedMs = performance.now();
  const path = await cutRunImage(run, run, image);
  const kernelImage = await unpacking;
  const servers = await prepareServers(run, { kernel, kernelImage }, plan.servers);
  run.result.times.cut = plan.took + performance.now() - startedMs;
  return { path, kernelImage, servers };
}

/** Starts the servers, boots the VM under test, and stops the servers. @returns what a crash is blamed on */
async function runBootsWithServers(
  run: RunContext,
  path: string,
  setup: BootSetup,
  prepared: readonly VmSources[],
): Promise<Blame> {
  const { result } = run;
  const startedMs = performance.now();
  const servers = await startServers(run, prepared, setup.deadline);
  result.times.servers = performance.now() - startedMs;
  if ('ended' in servers) return addServers(result, NOT_RUN, servers.ended);
  let ended: EndedServer[] = [];
  let blames: Blame = 'host';
  try {
    blames = await runBoots(run, path, { ...setup, servers });
  } finally {
    ended = await servers.stop();
  }
  return addServers(result, { ...result, blames }, ended);
}

/** The result of a run whose servers were not ready, if no server has a better reason. */
const NOT_RUN = {
  verdict: 'error',
  status: RUN_EXIT.error,
  reason: 'the servers were not ready',
  blames: 'host',
} as const;

/** Adds what the servers reported to the result of the VM under test. @returns what a crash is blamed on */
function addServers(
  result: RunResult,
  underTest: Parameters<typeof judgeWithServers>[0],
  servers: readonly EndedServer[],
): Blame {
  const { blames, verdict, status, reason } = judgeWithServers(underTest, servers);
  Object.assign(result, { verdict, status, reason });
  result.servers = servers.map((server) =>
    describeServer(server, consoleName(server.cut, server.number)),
  );
  result.splats.push(...servers.flatMap(splatsOf));
  // Failures of servers that are not the reason for the verdict become notes.
  const others = servers.flatMap((server) => judgeServer(server)?.reason ?? []);
  result.notes.push(...others.filter((other) => other !== reason));
  return blames;
}
