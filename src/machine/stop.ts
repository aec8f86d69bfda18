import { setTimeout as sleep } from 'node:timers/promises';
import type { GlobalOptions } from '../cli/context.ts';
import { EXIT, errorCode, UsageError, UserError } from '../errors.ts';
import { startAwakeClock, within } from '../sys/awake-clock.ts';
import { isAlive, isAliveFor, type ProcessIdentity } from '../sys/process-identity.ts';
import type { Ui } from '../ui/terminal.ts';
import { askVm } from '../vm/ask-vm.ts';
import type { StopOutcome } from '../vm/live-vm.ts';
import type { VmEntry } from '../vm/registry.ts';
import { describeVm, findRunningVms, pickVm } from './pick.ts';

export interface StopOptions extends GlobalOptions {
  all?: boolean | undefined;
}

/** How long its rapido may take to end a VM in order, in milliseconds; it has limits of its own. */
const PATIENCE = 60_000;

/** How long a process may take after a signal. */
const SIGNAL_GRACE = 5000;

/** `rapido stop N…`, `rapido stop --all` */
export async function runStop(
  names: readonly string[],
  options: StopOptions,
  ui: Ui,
): Promise<number> {
  if (names.length === 0 && options.all !== true) {
    throw new UsageError('which VM?', { hint: 'rapido stop 1, or rapido stop --all' });
  }
  if (names.length > 0 && options.all === true) {
    throw new UsageError('--all, or the VMs by name: not both');
  }
  const { vms } = findRunningVms(options, ui);
  const chosen = options.all === true ? vms : names.map((name) => pickVm(vms, name));
  if (chosen.length === 0) ui.note('no VM is running');
  const outcomes = await Promise.allSettled(
    chosen.map(async (vm) => {
      const how = await stopVm(vm);
      ui.result(`VM ${describeVm(vm)} ${how}`);
    }),
  );
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return EXIT.ok;
}

/** @returns how it ended */
async function stopVm(vm: VmEntry): Promise<string> {
  if (vm.state === 'testing') return interruptTest(vm);
  const how = await within(PATIENCE, askToStop(vm), undefined);
  if (how === undefined || !(await hasEnded(vm, SIGNAL_GRACE))) return endByForce(vm);
  return how === 'powered-off' ? 'has powered off' : FORCED;
}

const FORCED = 'did not power off, and was ended by force';

async function askToStop(vm: VmEntry): Promise<StopOutcome | undefined> {
  try {
    const asked = await askVm(vm, { request: 'stop' });
    const answer = await asked.hear();
    asked.socket.destroy();
    return answer?.answer === 'stopped' ? answer.how : undefined;
  } catch (error) {
    // One that does not listen is ended by force.
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** As Ctrl-C: it writes its results. */
async function interruptTest(vm: VmEntry): Promise<string> {
  sendSignal(vm.owner, 'SIGINT');
  if (await hasEnded(vm, PATIENCE)) return 'was interrupted';
  return endByForce(vm);
}

async function endByForce(vm: VmEntry): Promise<string> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    for (const process of [vm.owner, ...(vm.qemu === undefined ? [] : [vm.qemu])]) {
      sendSignal(process, signal);
    }
    if (await hasEnded(vm, SIGNAL_GRACE)) return FORCED;
  }
  throw new UserError(`VM ${describeVm(vm)} cannot be ended`, {
    hint: `its processes are ${vm.owner.pid} and ${vm.qemu?.pid ?? 'unknown'}`,
  });
}

/** A pid may be another process by now, and another user's. */
function sendSignal(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isAliveFor(process.geteuid?.() ?? 0, identity)) return;
  try {
    process.kill(identity.pid, signal);
    // One that was stopped gets nothing but SIGKILL before it goes on.
    process.kill(identity.pid, 'SIGCONT');
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error;
  }
}

/** @returns whether both its processes are gone within that many milliseconds */
async function hasEnded({ owner, qemu }: VmEntry, patience: number): Promise<boolean> {
  const clock = startAwakeClock();
  const runs = (): boolean => isAlive(owner) || (qemu !== undefined && isAlive(qemu));
  while (runs() && clock.now() < patience) await sleep(20);
  clock.stop();
  return !runs();
}
