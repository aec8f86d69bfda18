import * as z from 'zod/mini';
import type { ProcessIdentity } from './process-identity.ts';

/** PID 0 and negative PIDs are rejected: a signal to them would reach many processes. */
export const processIdentity: z.ZodMiniType<ProcessIdentity> = z.object({
  pid: z.int().check(z.positive()),
  startTime: z.string(),
});
