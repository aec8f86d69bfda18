import {
  type Context,
  chooseKernel,
  createContext,
  type GlobalOptions,
  type KernelOptions,
  openCut,
} from '../cli/context.ts';
import { EXIT, UserError } from '../errors.ts';
import { architectureOf } from '../host/architecture.ts';
import { expandKeys } from '../image/expand-keys.ts';
import {
  describeMissing,
  findMissingOptions,
  formatFragment,
  type OptionGroup,
  optionsOfCut,
  optionsOfEveryVm,
} from '../image/kernel-options.ts';
import { readTextIfReachable } from '../sys/stat.ts';
import type { Ui } from '../ui/terminal.ts';

export interface KconfigOptions extends GlobalOptions, KernelOptions {
  check?: boolean | undefined;
}

/** `rapido kconfig [NAME…]` @returns the exit status: 1 if a required option is missing */
export async function runKconfig(
  names: readonly string[],
  options: KconfigOptions,
  ui: Ui,
): Promise<number> {
  const context = createContext(options, ui);
  const groups = optionsOfEveryVm(architectureOf(process.arch));
  for (const name of names) groups.push(await groupOfCut(name, context));
  if (options.check === true) return check(groups, context);
  for (const line of formatFragment(groups)) ui.result(line);
  return EXIT.ok;
}

async function groupOfCut(name: string, context: Context): Promise<OptionGroup> {
  const { cut, conf } = await openCut(context, name);
  const drivers = (cut.cut.drivers ?? []).flatMap((driver) => {
    const expansion = expandKeys(driver, conf);
    return expansion.unset === undefined ? [expansion.text] : [];
  });
  if (cut.cut.zram !== undefined) drivers.push('zram');
  return { purpose: cut.name, options: optionsOfCut(cut.cut, drivers), isRequired: true };
}

/** Compares the configuration of the kernel with the options. Of modules, the image takes those that it needs. */
function check(groups: readonly OptionGroup[], context: Context): number {
  const { ui } = context;
  const kernel = chooseKernel(context);
  const config = kernel.config === undefined ? undefined : readTextIfReachable(kernel.config);
  if (config === undefined) {
    throw new UserError(`the configuration of Linux ${kernel.release} is not known`, {
      hint: 'it is read from .config of the tree, /boot/config-RELEASE, or lib/modules/RELEASE/config',
    });
  }
  let isComplete = true;
  for (const { purpose, options, isRequired } of groups) {
    const missing = findMissingOptions(config, options, () => true);
    if (missing.length === 0) continue;
    if (isRequired) isComplete = false;
    ui.result(`${purpose}: ${isRequired ? 'required' : 'recommended'}`);
    for (const each of missing) ui.result(`  - ${describeMissing(each)}`);
  }
  ui.note(
    isComplete
      ? `Linux ${kernel.release} has all required options (${kernel.config})`
      : `Linux ${kernel.release} lacks required options (${kernel.config})`,
  );
  return isComplete ? EXIT.ok : EXIT.failed;
}
