import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError, UserError } from '../errors.ts';
import { formatCommandLine } from '../sys/command-line.ts';
import { runTool } from '../sys/exec.ts';
import { cleaningUpOnSignals } from '../sys/signals.ts';
import { readTextIfReachable } from '../sys/stat.ts';
import type { RunContext } from './context.ts';

/**
 * Builds the kernel of KERNEL_SRC and installs its modules where rapido looks for them.
 * The output of the build is written to build.log.
 * @throws UsageError if KERNEL_SRC is not set; UserError with the last lines if the build fails
 */
export async function buildKernel(
  command: readonly [string, ...string[]],
  { conf, directory, onInterrupt }: Pick<RunContext, 'conf' | 'directory' | 'onInterrupt'>,
): Promise<void> {
  const log = directory.file('build.log');
  const tree = conf.get('KERNEL_SRC');
  if (tree === undefined) {
    throw new UsageError('--build: KERNEL_SRC is not set', {
      hint: 'set KERNEL_SRC="/path/to/linux" in rapido.conf',
    });
  }
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
    const path = conf.get('KERNEL_INSTALL_MOD_PATH') ?? join(tree, 'mods');
    await run(['make', `INSTALL_MOD_PATH=${path}`, 'modules_install'], 'modules_install');
  };
  await cleaningUpOnSignals(work, onInterrupt);
}

function hasModules(tree: string): boolean {
  const config = readTextIfReachable(join(tree, '.config'));
  if (config !== undefined) return /^CONFIG_MODULES=y$/m.test(config);
  throw new UserError(`KERNEL_SRC: ${tree} is not configured (no .config)`, {
    hint: formatCommandLine(['make', '-C', tree, 'defconfig', 'kvm_guest.config']),
  });
}
