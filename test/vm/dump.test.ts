import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type DumpRequest, dumpMemory } from '../../src/vm/dump.ts';
import { openQmp, type Qmp } from '../../src/vm/qmp.ts';
import { type QmpCommand, startFakeMonitor } from '../support/fake-monitor.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';

interface Machine {
  formats?: string[];
  memory?: number;
  /** What `query-dump` says, one answer after the other. */
  states?: string[];
  refuses?: string;
}

/** A machine that dumps as QEMU 7.2 does. */
async function startMachine({
  formats = ['elf', 'kdump-zlib', 'win-dmp'],
  memory = 1024,
  states = ['active', 'completed'],
  refuses,
}: Machine = {}): Promise<{ qmp: Qmp; asked: QmpCommand[] }> {
  const asked: QmpCommand[] = [];
  let polls = 0;
  const { socket } = await startFakeMonitor((command) => {
    const { execute, arguments: args } = command;
    switch (execute) {
      case 'query-dump-guest-memory-capability':
        return { formats };
      case 'query-memory-size-summary':
        return { 'base-memory': memory, 'plugged-memory': 0 };
      case 'query-dump': {
        const status = states[polls++] ?? states.at(-1);
        return { status, completed: 512 * polls, total: 1024 };
      }
      default: {
        asked.push(command);
        if (refuses !== undefined) return { error: refuses };
        writeFileSync(
          String(args?.protocol).replace('file:', ''),
          Buffer.concat([Buffer.from('KDUMP   '), Buffer.alloc(4088)]),
        );
        return {};
      }
    }
  });
  const connection = connect(socket);
  onTestFinished(() => {
    connection.destroy();
  });
  return { qmp: openQmp(connection), asked };
}

const request = (changes: Partial<DumpRequest> = {}): DumpRequest => ({
  path: join(makeTemporaryDirectory(), 'vmcore'),
  names: { hostname: 'rapido1', release: '6.18.0' },
  ...changes,
});

test('writes a compressed dump that only the user can read, and says its size before', async () => {
  const { qmp, asked } = await startMachine();
  const told: unknown[] = [];
  const wanted = request({ onStart: (dump) => told.push(dump), onProgress: (x) => told.push(x) });
  expect(await dumpMemory(qmp, wanted)).toEqual({ format: 'kdump-zlib', size: 4096 });
  expect(asked.map(({ arguments: args }) => args)).toEqual([
    {
      paging: false,
      protocol: expect.stringMatching(
        new RegExp(`^file:${dirname(wanted.path)}/\\.vmcore\\..*tmp$`),
      ),
      format: 'kdump-zlib',
      detach: true,
    },
  ]);
  expect(told).toEqual([{ format: 'kdump-zlib', memory: 1024 }, 0.5]);
  const text = readFileSync(wanted.path, 'utf8');
  expect(text).toMatch(/^KDUMP {3}\0{4}Linux\0+rapido1\0+6\.18\.0\0/);
  expect(statSync(wanted.path).mode & 0o777).toBe(0o600);
  expect(readdirSync(dirname(wanted.path))).toEqual(['vmcore']);
});

test('a QEMU that can writes a kdump that need not be converted', async () => {
  const { qmp, asked } = await startMachine({ formats: ['elf', 'kdump-zlib', 'kdump-raw-zlib'] });
  expect(await dumpMemory(qmp, request())).toMatchObject({ format: 'kdump-zlib' });
  expect(asked[0]?.arguments).toMatchObject({ format: 'kdump-raw-zlib' });
});

test('writes ELF if QEMU was built without kdump-zlib, or on request', async () => {
  const old = await startMachine({ formats: ['elf'] });
  expect(await dumpMemory(old.qmp, request())).toMatchObject({ format: 'elf' });
  const { qmp } = await startMachine();
  expect(await dumpMemory(qmp, request({ format: 'elf' }))).toMatchObject({ format: 'elf' });
});

test('rejects a format that this QEMU does not have', async () => {
  const { qmp, asked } = await startMachine({ formats: ['elf'] });
  await expect(dumpMemory(qmp, request({ format: 'kdump-zlib' }))).rejects.toThrow(
    'this QEMU cannot write dumps in the format kdump-zlib',
  );
  expect(asked).toEqual([]);
});

test('an ELF dump for which there is no space is not begun', async () => {
  const { qmp, asked } = await startMachine({ memory: 2 ** 60 });
  const wanted = request({ format: 'elf' });
  await expect(dumpMemory(qmp, wanted)).rejects.toThrow(
    /vmcore: the dump needs 1048576 TiB, and .* are free there/,
  );
  expect(asked).toEqual([]);
});

test.each<[string, Machine, string]>([
  ['fails', { states: ['active', 'failed'] }, 'the dump failed: failed'],
  ['is refused', { refuses: 'busy' }, 'QEMU refuses dump-guest-memory: busy'],
])('a dump that %s leaves no file', async (_, machine, message) => {
  const { qmp } = await startMachine(machine);
  const wanted = request();
  await expect(dumpMemory(qmp, wanted)).rejects.toThrow(message);
  expect(readdirSync(dirname(wanted.path))).toEqual([]);
});
