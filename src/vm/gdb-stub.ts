import { once } from 'node:events';
import type { Socket } from 'node:net';
import * as z from 'zod/mini';
import { UserError } from '../errors.ts';
import { within } from '../sys/awake-clock.ts';
import { connectToOwn } from '../sys/own-socket.ts';
import { withMonitor } from './monitor.ts';
import { gdbDevice } from './qemu-arguments.ts';
import type { Qmp, QmpAnswer } from './qmp.ts';
import type { VmEntry } from './registry.ts';

/** QEMU's gdbstub (docs/system/gdb.rst), which serves one debugger at a time. */
export interface GdbStub {
  /** Whether the VM has not executed an instruction yet (-S). */
  isBeforeStart: boolean;
}

/** The label that QEMU gives to the character device of its gdbstub. */
const LABEL = 'gdb';

const chardevs = z.array(z.object({ label: z.string(), filename: z.string() }));

const runState = z.object({ status: z.string() });

/**
 * Has QEMU listen for a debugger at a Unix socket, unless it does already.
 * @throws UserError if a debugger is attached, or the user's own arguments have opened a gdbstub
 */
export async function openGdbStub(vm: VmEntry, socket: string): Promise<GdbStub> {
  return withMonitor(vm, async (qmp) => {
    const device = await findDevice(qmp);
    if (device === undefined) await listen(vm, qmp, socket);
    else if (!device.includes(socket)) {
      throw new UserError(`VM ${vm.number} has a gdbstub at ${device}, which rapido did not open`, {
        hint: 'connect your debugger to it, or boot without -gdb and -s',
      });
    } else if (!device.startsWith('disconnected:')) {
      throw new UserError(`a debugger is already attached to VM ${vm.number}`, {
        hint: 'QEMU serves one debugger at a time: leave the other one first',
      });
    }
    const state = z.safeParse(runState, resultOf(await qmp.ask('query-status')));
    return { isBeforeStart: state.data?.status === 'prelaunch' };
  });
}

const dumpState = z.object({ status: z.string() });

/** Whether a debugger is attached to the VM, or its memory is being dumped. */
export async function isInspected(qmp: Qmp): Promise<boolean> {
  const device = await findDevice(qmp);
  if (device !== undefined && !device.startsWith('disconnected:')) return true;
  const dump = z.safeParse(dumpState, resultOf(await qmp.ask('query-dump')));
  return dump.data?.status === 'active';
}

/** @returns what QEMU says about the device, for example `disconnected:unix:PATH,server=on` */
async function findDevice(qmp: Qmp): Promise<string | undefined> {
  const { data } = z.safeParse(chardevs, resultOf(await qmp.ask('query-chardev')));
  return data?.find(({ label }) => label === LABEL)?.filename;
}

/** Only the monitor for people has a command for this. */
async function listen(vm: VmEntry, qmp: Qmp, socket: string): Promise<void> {
  const said = await askHuman(qmp, `gdbserver ${quoteForMonitor(gdbDevice(socket))}`);
  if ((await findDevice(qmp)) !== undefined) return;
  const reason = said.replaceAll(/\s*\n\s*/g, '; ').trim();
  throw new UserError(`QEMU cannot open a gdbstub for VM ${vm.number}: ${reason || 'no answer'}`);
}

/**
 * Lets the VM run without a debugger: removes the breakpoints that a debugger has left, continues, and closes the stub.
 * Otherwise, a VM whose debugger was killed would stay stopped.
 */
export async function closeGdbStub(vm: VmEntry, socket: string): Promise<void> {
  await detach(socket);
  await withMonitor(vm, (qmp) => askHuman(qmp, 'gdbserver none'));
}

/** How long QEMU may take to answer, in milliseconds. */
const PATIENCE = 5000;

/**
 * The packet `D;PID` of the GDB remote serial protocol, with its checksum: QEMU removes all breakpoints. The machine is
 * process 1; QEMU requires the PID if the debugger before has named processes.
 */
const DETACH = '$D;1#b0';

async function detach(socket: string): Promise<void> {
  const stub = connectToOwn(socket);
  stub.on('error', () => stub.destroy());
  try {
    const answer = await within(
      PATIENCE,
      once(stub, 'connect').then(() => ask(stub)),
      undefined,
    );
    if (answer !== 'OK') {
      throw new UserError(`the gdbstub of QEMU answers ${answer ?? 'nothing'} to a detach`);
    }
  } finally {
    stub.destroy();
  }
}

/** @returns the contents of the packet that answers */
async function ask(stub: Socket): Promise<string | undefined> {
  stub.write(DETACH);
  let received = '';
  for await (const chunk of stub) {
    received += chunk;
    const [, answer] = /\$([^#]*)#/.exec(received) ?? [];
    if (answer !== undefined) return answer;
  }
  return undefined;
}

async function askHuman(qmp: Qmp, line: string): Promise<string> {
  const answer = await qmp.ask('human-monitor-command', { arguments: { 'command-line': line } });
  if (answer !== undefined && 'error' in answer) return answer.error;
  return String(resultOf(answer) ?? '');
}

function resultOf(answer: QmpAnswer | undefined): unknown {
  return answer !== undefined && 'value' in answer ? answer.value : undefined;
}

/** Quotes a string of QEMU's monitor for people. */
function quoteForMonitor(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`;
}
