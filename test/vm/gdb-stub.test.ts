import { rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { closeGdbStub, openGdbStub } from '../../src/vm/gdb-stub.ts';
import type { VmEntry } from '../../src/vm/registry.ts';
import { startFakeMonitor } from '../support/fake-monitor.ts';

interface Machine {
  vm: VmEntry;
  socket: string;
  /** The lines that the monitor for people received. */
  lines: string[];
  /** The packets that the gdbstub received. */
  packets: string[];
}

/**
 * A machine whose gdbstub behaves as that of QEMU 7.2.
 * @param device the character device that is there already, as query-chardev shows it
 */
async function startMachine(device?: string, status = 'running'): Promise<Machine> {
  const lines: string[] = [];
  const packets: string[] = [];
  let stub: Server | undefined;
  const monitor = await startFakeMonitor(({ execute, arguments: args }) => {
    if (execute === 'query-status') return { status, running: status === 'running' };
    if (execute === 'query-chardev') {
      const own = stub === undefined ? device : `disconnected:unix:${socket},server=on`;
      return [
        { label: 'compat_monitor0', filename: 'unix:q,server=on', 'frontend-open': true },
        ...(own === undefined ? [] : [{ label: 'gdb', filename: own, 'frontend-open': true }]),
      ];
    }
    const line = String(args?.['command-line']);
    lines.push(line);
    if (line === 'gdbserver none') {
      stub?.close();
      return 'Disabled gdbserver\r\n';
    }
    if (line.includes('/refused/')) {
      return 'Failed to bind socket: Permission denied\r\nCould not open gdbserver\r\n';
    }
    stub = createServer((debuggers) => {
      debuggers.on('data', (packet) => {
        packets.push(packet.toString());
        debuggers.write('+$OK#9a');
      });
    }).listen(socket);
    return 'Waiting for gdb connection\r\n';
  });
  const socket = join(monitor.directory, 'vm1.gdb');
  const vm = { number: 1, monitorSocket: monitor.socket } as VmEntry;
  return { vm, socket, lines, packets };
}

test('opens a socket for a debugger; at the end, removes breakpoints, continues, and closes it', async () => {
  const { vm, socket, lines, packets } = await startMachine();
  expect(await openGdbStub(vm, socket)).toEqual({ isBeforeStart: false });
  expect(lines).toEqual([`gdbserver "unix:${socket},server=on,wait=off"`]);
  await closeGdbStub(vm, socket);
  expect(packets).toEqual(['$D;1#b0']);
  expect(lines.at(-1)).toBe('gdbserver none');
});

test('uses the socket of a VM that waits before its first instruction', async () => {
  const own = 'disconnected:unix:/run/vm1.gdb,server=on';
  const { vm, lines } = await startMachine(own, 'prelaunch');
  expect(await openGdbStub(vm, '/run/vm1.gdb')).toEqual({ isBeforeStart: true });
  expect(lines).toEqual([]);
});

test('does not disconnect another debugger', async () => {
  const { vm, lines } = await startMachine('unix:/run/vm1.gdb,server=on');
  await expect(openGdbStub(vm, '/run/vm1.gdb')).rejects.toThrow(
    'a debugger is already attached to VM 1',
  );
  expect(lines).toEqual([]);
});

test('does not replace a gdbstub of the user', async () => {
  const { vm, lines } = await startMachine('disconnected:tcp:127.0.0.1:1234,server=on');
  await expect(openGdbStub(vm, '/run/vm1.gdb')).rejects.toThrow(
    'VM 1 has a gdbstub at disconnected:tcp:127.0.0.1:1234,server=on, which rapido did not open',
  );
  expect(lines).toEqual([]);
});

test('says why QEMU refuses', async () => {
  const { vm } = await startMachine();
  await expect(openGdbStub(vm, '/refused/vm1.gdb')).rejects.toThrow(
    'QEMU cannot open a gdbstub for VM 1: Failed to bind socket: Permission denied; Could not open gdbserver',
  );
});

test('a VM that has ended cannot be debugged', async () => {
  const { vm, socket } = await startMachine();
  rmSync(vm.monitorSocket);
  await expect(openGdbStub(vm, socket)).rejects.toThrow();
});
