import type { GlobalOptions } from '../cli/context.ts';
import { EXIT, errorCode, UsageError, UserError } from '../errors.ts';
import { waitUntil, within } from '../sys/awake-clock.ts';
import { isAlive, isAliveFor, type ProcessIdentity } from '../sys/process-identity.ts';
import type { Ui } from '../ui/terminal.ts';
import { askVm } from '../vm/ask-vm.ts';
import type { VmEntry } from '../vm/registry.ts';
import type { StopEnding } from '../vm/running-vm.ts';
import { describeVm, findRunningVms, pickVm } from './pick.ts';

export interface StopOptions extends GlobalOptions {
  all?: boolean | undefined;
}

/** How long the VM's rapido may take to shut the VM down, in milliseconds. It has shorter limits itself. */
const PATIENCE = 60_000;

/** How long a process may take to end after a signal, in milliseconds. */
const SIGNAL_GRACE = 5000;

/** `rapido stop N…`, `rapido stop --all` */
export async function runStop(
  names: readonly string[],
  options: StopOptions,
  ui: Ui,
): Promise<number> {
  if (names.length === 0 && options.all !== true) {
    throw new UsageError('no VM was given', { hint: 'rapido stop 1, or rapido stop --all' });
  }
  if (names.length > 0 && options.all === true) {
    throw new UsageError('--all cannot be combined with the name of a VM');
  }
  const { vms } = findRunningVms(options, ui);
  const chosen = options.all === true ? vms : names.map((name) => pickVm(vms, name));
  if (chosen.length === 0) ui.note('no VMs are running');
  const results = await Promise.allSettled(
    chosen.map(async (vm) => {
      const how = await stopVm(vm);
      ui.result(`VM ${describeVm(vm)} ${how}`);
    }),
  );
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  return EXIT.ok;
}

/** @returns how the VM ended, as the end of a sentence */
async function stopVm(vm: VmEntry): Promise<string> {
  if (vm.state === 'testing') return interruptTest(vm);
  const how = await within(PATIENCE, askToStop(vm), undefined);
  if (how === undefined || !(await hasEnded(vm, SIGNAL_GRACE))) return endByForce(vm);
  return how === 'powered-off' ? 'has powered off' : FORCED;
}

const FORCED = 'did not power off and was killed';

async function askToStop(vm: VmEntry): Promise<StopEnding | undefined> {
  try {
    const connection = await askVm(vm, { request: 'stop' });
    const answer = await connection.nextAnswer();
    connection.socket.destroy();
    return answer?.answer === 'stopped' ? answer.how : undefined;
  } catch (error) {
    // If the VM's rapido does not answer, the caller kills the VM.
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** Interrupts a `rapido run` as Ctrl-C does, so that it writes its results. */
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
  throw new UserError(`VM ${describeVm(vm)} cannot be killed`, {
    hint: `its processes are rapido (PID ${vm.owner.pid}) and QEMU (PID ${vm.qemu?.pid ?? 'unknown'})`,
  });
}

/** Sends a signal only if the PID still belongs to the same process of this user. */
function sendSignal(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isAliveFor(process.geteuid?.() ?? 0, identity)) return;
  try {
    process.kill(identity.pid, signal);
    // A stopped process handles no signal but SIGKILL until it continues.
    process.kill(identity.pid, 'SIGCONT');
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error;
  }
}

/** @returns whether both processes of the VM ended within `milliseconds` */
function hasEnded({ owner, qemu }: VmEntry, milliseconds: number): Promise<boolean> {
  return waitUntil(milliseconds, () => !isAlive(owner) && (qemu === undefined || !isAlive(qemu)));
}
