import { join } from 'node:path';
import { chooseKernel, kernelTree, openCut, usesHostKernel } from '../cli/context.ts';
import { explainSystemError, UserError } from '../errors.ts';
import type { Kernel } from '../host/kernel.ts';
import type { ResolvedImage } from '../image/resolve.ts';
import { isFile, readTextIfReachable } from '../sys/stat.ts';
import type { RunRequest } from './context.ts';
import { planRunImage, planServerImage, type Target } from './image.ts';

/** The kernel and the images of a run, before anything is built. */
export interface RunPlan {
  kernel: Kernel;
  image: ResolvedImage;
  servers: PlannedServer[];
  /** Milliseconds that planning took. */
  took: number;
}

/** A server whose image is planned. */
export interface PlannedServer extends Target {
  image: ResolvedImage;
  /** Number of its VM; undefined: the lowest free one. */
  number: number | undefined;
}

/** @throws UserError */
export async function planRun(request: RunRequest): Promise<RunPlan> {
  const startedMs = performance.now();
  refuseUntestedTree(request);
  const kernel = chooseKernel(request.context);
  if (request.settings.kmemleak === true) refuseWithoutKmemleak(kernel);
  const image = planRunImage(request, kernel);
  const servers: PlannedServer[] = [];
  for (const { name, number } of request.settings.servers) {
    const target = await openCut(request.context, name);
    servers.push({ ...target, number, image: planServerImage(request, target, kernel) });
  }
  return { kernel, image, servers, took: performance.now() - startedMs };
}

/** @throws UserError if the configuration of the kernel is known and has no kmemleak */
function refuseWithoutKmemleak({ config, release }: Kernel): void {
  const text = config === undefined ? undefined : readTextIfReachable(config);
  if (text === undefined || /^CONFIG_DEBUG_KMEMLEAK=y$/m.test(text)) return;
  throw new UserError(`--kmemleak: the kernel ${release} has no kmemleak (CONFIG_DEBUG_KMEMLEAK)`, {
    dependsOn: 'kernel',
    hint: 'scripts/config -e DEBUG_FS -e DEBUG_KMEMLEAK && make olddefconfig, and build the kernel',
  });
}

/**
 * A bisection in a kernel tree would find every commit equally good if a kernel of the host were booted, as happens if
 * the tree is not built.
 */
function refuseUntestedTree({ settings, context }: RunRequest): void {
  if (settings.bisect !== true || !usesHostKernel(context)) return;
  const isSource = (name: string): boolean => isFile(join(context.cwd, name));
  if (!['Kconfig', 'Kbuild', 'MAINTAINERS'].every(isSource)) return;
  throw new UserError(
    '--bisect: the kernel tree in the current directory is not built, so it would not be tested',
    { hint: 'build it, for example with --build "make -j8"; --kernel names another kernel' },
  );
}

/**
 * Plans before the directory of the run is created, so that a mistake of the user leaves no run behind. With
 * --build, planning must wait for the build. A failure that another commit may not have is the result of this
 * commit: it is thrown when the plan is used, within the run.
 * @throws UserError
 */
export async function planAhead(request: RunRequest): Promise<() => Promise<RunPlan>> {
  if (request.settings.build !== undefined) return () => planRun(request);
  let plan: RunPlan;
  const refusal = await catchFailure(request, async () => {
    plan = await planRun(request);
  });
  if (refusal === undefined) return async () => plan;
  if (refusal.dependsOn === undefined) throw refusal;
  return () => Promise.reject(refusal);
}

/** @returns the UserError or the system's error that `work` throws; any other error is rethrown */
export async function catchUserError(
  work: () => Promise<void> | void,
): Promise<UserError | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    const explained = explainSystemError(error);
    if (explained instanceof UserError) return explained;
    throw error;
  }
}

/** Like `catchUserError`, but a failure of an installed kernel does not depend on the commit. */
export async function catchFailure(
  { context }: Pick<RunRequest, 'context'>,
  work: () => Promise<void>,
): Promise<UserError | undefined> {
  const failure = await catchUserError(work);
  if (failure?.dependsOn === 'kernel' && kernelTree(context) === undefined) {
    failure.dependsOn = undefined;
  }
  return failure;
}
