import { UsageError, UserError } from '../errors.ts';
import type { Ui } from '../ui/terminal.ts';
import { listVms, type VmEntry } from '../vm/registry.ts';
import { type Context, createContext, type GlobalOptions, refuseStrangeKeys } from './context.ts';
import { registryDirectory } from './start-vm.ts';

/** Those that run, and what commands about them work with. */
export interface RunningVms {
  context: Context;
  vms: VmEntry[];
}

export async function findRunningVms(options: GlobalOptions, ui: Ui): Promise<RunningVms> {
  const context = createContext(options, ui);
  await refuseStrangeKeys(context, context.conf);
  return { context, vms: listVms(registryDirectory(context.conf, context)) };
}

/** @param text its number, or its host name */
export function pickVm(vms: readonly VmEntry[], text: string): VmEntry {
  const vm = vms.find(({ number, hostname }) => String(number) === text || hostname === text);
  if (vm !== undefined) return vm;
  if (!/^[\w-]+$/.test(text)) throw new UsageError(`"${text}" is neither number nor name of a VM`);
  throw new UserError(`VM ${text} is not running`, {
    hint:
      vms.length === 0
        ? 'no VM is; rapido boot --detach starts one'
        : `these are: ${vms.map(describeVm).join(', ')}`,
  });
}

export function describeVm({ number, cut }: VmEntry): string {
  return `${number} (${cut})`;
}
