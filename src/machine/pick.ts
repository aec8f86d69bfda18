import { type BaseContext, createContextWithoutCuts, type GlobalOptions } from '../cli/context.ts';
import { UsageError, UserError } from '../errors.ts';
import type { Ui } from '../ui/terminal.ts';
import { listVms, type VmEntry } from '../vm/registry.ts';
import { registryDirectory } from './start.ts';

/** The running VMs, and the context for commands that act on them. */
export interface RunningVms {
  context: BaseContext;
  vms: VmEntry[];
}

export function findRunningVms(options: GlobalOptions, ui: Ui): RunningVms {
  const context = createContextWithoutCuts(options, ui);
  return { context, vms: listVms(registryDirectory(context.conf, context)) };
}

/** @param text the number or the hostname of the VM */
export function pickVm(vms: readonly VmEntry[], text: string): VmEntry {
  const vm = vms.find(({ number, hostname }) => String(number) === text || hostname === text);
  if (vm !== undefined) return vm;
  if (!/^[\w-]+$/.test(text)) throw new UsageError(`"${text}" is not a VM number or name`);
  throw new UserError(`VM ${text} is not running`, {
    hint:
      vms.length === 0
        ? 'no VMs are running; start one with `rapido boot --detach`'
        : `running VMs: ${vms.map(describeVm).join(', ')}`,
  });
}

/** The VM that is meant; without a name, the only one. @param command for the hint: `rapido gdb` */
export function chooseVm(
  vms: readonly VmEntry[],
  name: string | undefined,
  command: string,
): VmEntry {
  if (name !== undefined) return pickVm(vms, name);
  const [first, ...others] = vms;
  if (first === undefined) {
    throw new UserError('no VMs are running', {
      hint: 'start one with `rapido boot --detach`',
    });
  }
  if (others.length === 0) return first;
  throw new UsageError('which VM?', {
    hint: `${command} ${first.number}; running VMs: ${vms.map(describeVm).join(', ')}`,
  });
}

export function describeVm({ number, cut }: VmEntry): string {
  return `${number} (${cut})`;
}
