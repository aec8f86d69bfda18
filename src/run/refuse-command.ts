import { UsageError } from '../errors.ts';
import { suggestInstall } from '../host/distribution.ts';
import { requireKeys } from '../image/expand-keys.ts';
import { resolveCommand } from '../image/resolve-command.ts';
import { resolveAutorun, resolveTrees } from '../image/resolve-files.ts';
import type { Problem } from '../image/resolve-request.ts';
import type { Job } from './context.ts';
import { extrasOf } from './image.ts';

/**
 * Refuses a command that can never run: a program that is nowhere, a test that its suite does not have. It is
 * a mistake of the command line (exit status 125, with --bisect 128): no guest has looked for it, as 127 would
 * say, and no other commit will have it. Where --build may make it, it is looked for when that is done; where
 * it is a file of the checkout, the run's plan refuses it.
 */
export function refuseCommand(job: Job): void {
  const { cut, conf, context, settings } = job;
  if (settings.build !== undefined) return;
  const { env, cwd, directories } = context;
  const request = { cut, conf, env, cwd, directories, extras: extrasOf(job) };
  // What else is wrong with the image is told with all of that, when it is cut.
  const others: Problem[] = [];
  const autorun = resolveAutorun(request, others);
  const trees = resolveTrees(request, others);
  const { directory } = cut.cut;
  const where =
    directory === undefined ? undefined : requireKeys(directory, 'directory', conf, others);
  if (others.length > 0) return;
  const problems: Problem[] = [];
  const run = { command: settings.command };
  resolveCommand({ ...request, run }, { directory: where, trees, autorun }, problems);
  const [first, ...rest] = problems;
  if (first === undefined) return;
  // Another commit may have it: that is what became of this one.
  if (problems.every(({ dependsOn }) => dependsOn !== undefined)) return;
  const install = suggestInstall(problems.flatMap(({ program }) => program ?? []));
  const hint =
    first.program === undefined ? undefined : (install ?? '-x hands a line to a shell in the VM');
  throw new UsageError(first.message, {
    problems: rest.map(({ message }) => message),
    ...(hint !== undefined && { hint }),
  });
}
