import type { ImageInfo } from '../image/plan.ts';
import type { VmPlan } from '../vm/plan.ts';
import type { Context } from './context.ts';
import type { Registration } from './start-vm.ts';

/** A VM of `rapido boot` that is about to start. */
export interface BootJob {
  plan: VmPlan;
  image: ImageInfo;
  registration: Registration;
  context: Context;
}
