import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { type KernelSources, kernelTree } from '../cli/context.ts';
import { UsageError, UserError } from '../errors.ts';
import { formatCommandLine } from '../sys/command-line.ts';
import { runTool } from '../sys/exec.ts';
import { cleaningUpOnSignals } from '../sys/signals.ts';
import { readTextIfReachable } from '../sys/stat.ts';
import type { RunContext } from './context.ts';

/**
 * Builds the kernel tree that is meant and installs its modules where rapido looks for them.
 * The output of the build is written to build.log.
 * @throws UsageError if there is no tree; UserError with the last lines if the build fails
 */
export async function buildKernel(
  command: readonly [string, ...string[]],
  {
    context,
    directory,
    onInterrupt,
  }: Pick<RunContext, 'directory' | 'onInterrupt'> & { context: KernelSources },
): Promise<void> {
  const log = directory.file('build.log');
  const built = kernelTree(context);
  if (built === undefined) {
    throw new UsageError('--build: there is no kernel tree', {
      hint: 'cd to it, use --kernel /path/to/linux, or set KERNEL_SRC in rapido.conf',
    });
  }
  const { tree, installModPath } = built;
  const run = (argv: readonly [string, ...string[]], purpose: string): Promise<string> =>
    runTool(argv, {
      cwd: tree,
      purpose,
      // The build must give the same kernel as at the user's prompt: ARCH, LLVM, KCFLAGS, ccache.
      environment: 'inherited',
      dependsOn: 'checkout',
      onLine: (line) => appendFileSync(log, `${line}\n`, { mode: 0o600 }),
    });
  const work = async (): Promise<void> => {
    await run(command, 'kernel build');
    if (!hasModules(tree)) return;
    await run(['make', `INSTALL_MOD_PATH=${installModPath}`, 'modules_install'], 'modules_install');
  };
  await cleaningUpOnSignals(work, onInterrupt);
}

function hasModules(tree: string): boolean {
  const config = readTextIfReachable(join(tree, '.config'));
  if (config !== undefined) return /^CONFIG_MODULES=y$/m.test(config);
  throw new UserError(`--build: ${tree} is not configured (no .config)`, {
    hint: formatCommandLine(['make', '-C', tree, 'defconfig', 'kvm_guest.config']),
  });
}
