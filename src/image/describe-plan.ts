import { formatSize } from '../conf/values.ts';
import type { Kernel } from '../host/kernel.ts';
import { formatCommandLine } from '../sys/command-line.ts';
import type { ImagePlan } from './plan.ts';
import { dracutCommandLine } from './userspace-layer.ts';

/** Output of `--dry-run`: comments, and the only command that a cut may run. */
export function describePlan(plan: ImagePlan, kernel: Kernel): string[] {
  const { modules, trees } = plan;
  const zram = Object.entries(plan.image.zram);
  const scripts = plan.overlay.filter(({ path }) => path.startsWith('/rapido/autorun/'));
  return [
    `# kernel: Linux ${kernel.release}, ${kernel.image} (${kernel.chosenBy})`,
    `# image: ${plan.output}`,
    '# userspace layer, unless the cached one is up to date (TEMPORARY is a directory in the cache):',
    `# with only this environment: ${formatEnvironment(plan.userspace.environment)}`,
    formatCommandLine(
      dracutCommandLine(plan.userspace, {
        temporary: 'TEMPORARY/tmp',
        confDirectory: 'TEMPORARY/conf',
        log: 'TEMPORARY/log',
        output: 'TEMPORARY/userspace.layer',
      }),
    ),
    modules.modules.length === 0
      ? '# modules layer: only an index of the built-in modules'
      : `# modules layer, from ${modules.directory}: ${modules.modules.map(({ name }) => name).join(' ')}`,
    ...trees.map(({ source, target }) =>
      target === source ? `# trees layer: ${source}` : `# trees layer: ${source} to ${target}`,
    ),
    ...zram.map(([name, bytes]) => `# zram device ${name}: ${formatSize(bytes)}`),
    ...scripts.map(({ path }) => `# runs in the guest: ${path}`),
  ];
}

function formatEnvironment(environment: Readonly<Record<string, string>>): string {
  return Object.entries(environment)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}
