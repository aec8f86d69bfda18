import { UserError } from '../errors.ts';
import { architectureOf } from '../host/architecture.ts';
import type { Kernel } from '../host/kernel.ts';
import { formatCommandLine } from '../sys/command-line.ts';
import { readTextIfReachable } from '../sys/stat.ts';
import { type ImageHeader, moduleNames } from './image-header.ts';
import {
  describeMissing,
  findMissingOptions,
  type KernelOption,
  type MissingOption,
  optionsOfEveryVm,
} from './kernel-options.ts';
import type { ResolvedModules } from './resolve-modules.ts';
import type { Problem, ResolveRequest } from './resolve-request.ts';

/** The options that the kernel lacks: those that every VM requires, and those of the cut. */
function findMissing(
  { config }: Kernel,
  ofCut: readonly KernelOption[],
  modules: readonly string[],
): MissingOption[] {
  // Without a configuration, nothing is known.
  const text = config === undefined ? undefined : readTextIfReachable(config);
  if (text === undefined) return [];
  const ofVm = optionsOfEveryVm(architectureOf(process.arch))
    .filter(({ isRequired }) => isRequired)
    .flatMap(({ options }) => options);
  const names = new Set(modules.map(withUnderscores));
  return findMissingOptions(text, [...ofVm, ...ofCut], (name) => names.has(withUnderscores(name)));
}

/** The kernel takes both characters for the same. */
function withUnderscores(module: string): string {
  return module.replaceAll('-', '_');
}

/** Adds what the configuration of the kernel lacks to the problems of a cut. */
export function checkKernelOptions(
  { kernel }: ResolveRequest,
  { plan, options }: ResolvedModules,
  problems: Problem[],
): void {
  const modules = plan.modules.map(({ name }) => name);
  const reported = plan.missing.map(({ name }) => name);
  for (const missing of findMissing(kernel, options, modules)) {
    if (missing.module !== undefined && reported.includes(missing.module)) continue;
    problems.push({
      dependsOn: 'kernel',
      option: missing.name,
      message: `the kernel ${kernel.release}: ${describeMissing(missing)}`,
    });
  }
}

/** Rejects a kernel that was configured again since the image was cut. @throws UserError */
export function refuseLackingKernel(kernel: Kernel, header: ImageHeader): void {
  const { cut, kernelOptions } = header.image;
  const missing = findMissing(kernel, kernelOptions, moduleNames(header));
  if (missing.length === 0) return;
  throw new UserError(`${cut} cannot be booted with Linux ${kernel.release} (${kernel.chosenBy})`, {
    problems: missing.map(describeMissing),
    dependsOn: 'kernel',
    hint: `${formatCommandLine(['rapido', 'kconfig', cut])} prints the options, for scripts/kconfig/merge_config.sh`,
  });
}
