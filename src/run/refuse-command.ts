import { UsageError } from '../errors.ts';
import { suggestInstall } from '../host/distribution.ts';
import { findRoot, resolveDirectory } from '../image/resolve.ts';
import { resolveCommand } from '../image/resolve-command.ts';
import { resolveAutorun, resolveTrees } from '../image/resolve-files.ts';
import type { Problem } from '../image/resolve-request.ts';
import { parseShares } from '../vm/shares.ts';
import type { RunRequest } from './context.ts';
import { extrasOf } from './image.ts';

/**
 * Rejects a command that can never run: a program that does not exist, or a test that its suite does not have.
 * This is a mistake in the command line (exit status 125, with --bisect 128), not 127, which says that the
 * guest did not find the program; and no other commit has the program either. With --build, which may build
 * the program, the check is made after the build. If the program is a file of the checkout, planning reports it.
 * @throws UsageError
 */
export function refuseCommand({ cut, conf, context, settings }: RunRequest): void {
  if (settings.build !== undefined) return;
  const { env, cwd, directories } = context;
  const request = { cut, conf, env, cwd, directories, extras: extrasOf({ settings }) };
  // Other problems of the image are reported together, when it is planned.
  const others: Problem[] = [];
  const autorun = resolveAutorun(request, others);
  const trees = resolveTrees(request, others);
  const root = findRoot(request);
  const directory = resolveDirectory(request, others) ?? root?.directory;
  if (others.length > 0) return;
  const shares = parseShares(settings.share ?? [], cwd).map(({ target }) => target);
  const available = root && [...root.directories, ...shares];
  const problems: Problem[] = [];
  const { command, shard } = settings;
  const run = { command, shard };
  resolveCommand({ ...request, run }, { directory, trees, autorun, available }, problems);
  const [first, ...rest] = problems;
  if (first === undefined) return;
  // Another commit may have it, so this is the result of the commit, not a mistake of the user.
  if (problems.every(({ dependsOn }) => dependsOn !== undefined)) return;
  const install = suggestInstall(problems.flatMap(({ program }) => program ?? []));
  const hint =
    first.program === undefined
      ? first.hint
      : (install ?? 'use -x to run a shell command in the VM');
  throw new UsageError(first.message, {
    problems: rest.map(({ message }) => message),
    ...(hint !== undefined && { hint }),
  });
}
