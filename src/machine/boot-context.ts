import type { Context } from '../cli/context.ts';
import type { ImageInfo } from '../image/plan.ts';
import type { VmPlan } from '../vm/plan.ts';
import type { Registration } from './start.ts';

/** A VM of `rapido boot` that is about to start. */
export interface BootJob {
  plan: VmPlan;
  image: ImageInfo;
  registration: Registration;
  context: Context;
}
