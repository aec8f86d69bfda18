import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError, UserError } from '../errors.ts';
import { formatCommandLine } from '../sys/command-line.ts';
import { runTool } from '../sys/exec.ts';
import { cleaningUpOnSignals } from '../sys/signals.ts';
import { readTextIfReachable } from '../sys/stat.ts';
import type { StartedJob } from './context.ts';

/**
 * Builds the kernel of KERNEL_SRC and installs its modules where rapido looks for them.
 * All that the build says goes to build.log.
 * @throws UsageError without KERNEL_SRC; UserError with the last lines when the build fails
 */
export async function buildKernel(
  command: readonly [string, ...string[]],
  { conf, run: { file }, onInterrupt }: Pick<StartedJob, 'conf' | 'run' | 'onInterrupt'>,
): Promise<void> {
  const log = file('build.log');
  const tree = conf.get('KERNEL_SRC');
  if (tree === undefined) {
    throw new UsageError('--build: KERNEL_SRC is not set', {
      hint: 'KERNEL_SRC="/path/to/linux" in rapido.conf',
    });
  }
  const run = (argv: readonly [string, ...string[]], purpose: string): Promise<string> =>
    runTool(argv, {
      cwd: tree,
      purpose,
      // What builds a kernel at the user's prompt builds the same one here: ARCH, LLVM, KCFLAGS, ccache.
      environment: 'inherited',
      dependsOn: 'checkout',
      onLine: (line) => appendFileSync(log, `${line}\n`, { mode: 0o600 }),
    });
  const work = async (): Promise<void> => {
    await run(command, 'building the kernel');
    if (!hasModules(tree)) return;
    const path = conf.get('KERNEL_INSTALL_MOD_PATH') ?? join(tree, 'mods');
    await run(['make', `INSTALL_MOD_PATH=${path}`, 'modules_install'], 'installing the modules');
  };
  await cleaningUpOnSignals(work, onInterrupt);
}

function hasModules(tree: string): boolean {
  const config = readTextIfReachable(join(tree, '.config'));
  if (config !== undefined) return /^CONFIG_MODULES=y$/m.test(config);
  throw new UserError(`KERNEL_SRC: there is no .config in ${tree}, so it is not configured`, {
    hint: formatCommandLine(['make', '-C', tree, 'defconfig', 'kvm_guest.config']),
  });
}
