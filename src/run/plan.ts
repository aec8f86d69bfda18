import { chooseKernel } from '../cli/context.ts';
import { explainSystemError, UserError } from '../errors.ts';
import type { Kernel } from '../host/kernel.ts';
import type { ResolvedImage } from '../image/resolve.ts';
import type { Job } from './context.ts';
import { planRunImage } from './image.ts';
import { type PlannedServer, planServers } from './servers.ts';

/** The kernel and the images of a run, before anything is built. */
export interface RunPlan {
  kernel: Kernel;
  image: ResolvedImage;
  servers: PlannedServer[];
  /** Milliseconds that planning took. */
  took: number;
}

/** @throws UserError */
export async function planRun(job: Job): Promise<RunPlan> {
  const startedMs = performance.now();
  const kernel = chooseKernel(job.conf);
  const image = planRunImage(job, kernel);
  const servers = await planServers(job, kernel);
  return { kernel, image, servers, took: performance.now() - startedMs };
}

/**
 * Plans before the directory of the run is created, so that a mistake of the user leaves no run behind. With
 * --build, planning must wait for the build. A failure that another commit may not have is the result of this
 * commit: it is thrown when the plan is used, within the run.
 * @throws UserError
 */
export async function planAhead(job: Job): Promise<() => Promise<RunPlan>> {
  if (job.settings.build !== undefined) return () => planRun(job);
  let plan: RunPlan;
  const refusal = await catchFailure(job, async () => {
    plan = await planRun(job);
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
  { conf }: Job,
  work: () => Promise<void>,
): Promise<UserError | undefined> {
  const failure = await catchUserError(work);
  if (failure?.dependsOn === 'kernel' && conf.get('KERNEL_SRC') === undefined) {
    failure.dependsOn = undefined;
  }
  return failure;
}
