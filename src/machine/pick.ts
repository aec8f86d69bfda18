import { type BaseContext, createContextWithoutCuts, type GlobalOptions } from '../cli/context.ts';
import { UsageError, UserError } from '../errors.ts';
import type { Ui } from '../ui/terminal.ts';
import { listVms, type VmEntry } from '../vm/registry.ts';
import { registryDirectory } from './start.ts';

/** Those that run, and what commands about them work with. */
export interface RunningVms {
  context: BaseContext;
  vms: VmEntry[];
}

export function findRunningVms(options: GlobalOptions, ui: Ui): RunningVms {
  const context = createContextWithoutCuts(options, ui);
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
