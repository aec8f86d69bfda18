import { chooseKernel } from '../cli/context.ts';
import { explainSystemError, UserError } from '../errors.ts';
import type { Kernel } from '../host/kernel.ts';
import type { ResolvedImage } from '../image/resolve.ts';
import type { Job } from './context.ts';
import { planRunImage } from './image.ts';
import { type PlannedServer, planServers } from './servers.ts';

/** What a run will boot, found and planned before anything is done. */
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
 * What can be planned before there is a run: a mistake is none. One that another commit may be without is: it
 * is what became of this commit.
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

/** @returns the mistake, or what the system refused; anything else is thrown */
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

/** The same for a run: what is wrong with an installed kernel does not depend on the commit. */
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
