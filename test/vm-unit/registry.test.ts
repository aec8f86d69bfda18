import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { identifySelf, type ProcessIdentity } from '../../src/sys/process-identity.ts';
import {
  claimNumber,
  listVms,
  releaseNumber,
  updateEntry,
  type VmEntry,
  vmFiles,
} from '../../src/vm/registry.ts';
import { complaintOf } from '../support/complaint.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';
import { compileScript, runScript } from '../support/typescript-process.ts';

let directory: string;
beforeEach(() => {
  directory = join(makeTemporaryDirectory(), 'rapido');
});

const claim = (): Promise<VmEntry> =>
  claimNumber(directory, (number, { monitorSocket, requestSocket, pidFile }) => ({
    hostname: `rapido${number}`,
    cut: 'simple-example',
    kernelRelease: '6.10.0',
    qemu: undefined,
    consoleLog: `/state/vm${number}/console.log`,
    monitorSocket,
    pidFile,
    image: '/cache/images/simple-example.img',
    disks: [],
    taps: [],
    forwards: [],
    addresses: [],
    requestSocket,
    state: 'starting',
    since: '2026-01-01T00:00:00.000Z',
  }));

const numbers = (): number[] => listVms(directory).map(({ number }) => number);

const ended = (): ProcessIdentity => ({ pid: spawnSync('true').pid, startTime: '1' });
const recycled = (): ProcessIdentity => {
  const { pid, startTime } = identifySelf();
  return { pid, startTime: String(Number(startTime) - 1) };
};

test('the first VM is number 1; its entry is what others see, in a private file', async () => {
  const entry = await claim();
  expect(entry).toMatchObject({
    version: 1,
    number: 1,
    hostname: 'rapido1',
    owner: identifySelf(),
    monitorSocket: join(directory, 'vm1.qmp'),
    pidFile: join(directory, 'rapido_vm1.pid'),
  });
  expect(listVms(directory)).toEqual([JSON.parse(JSON.stringify(entry))]);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  expect(statSync(vmFiles(directory, 1).entry).mode & 0o777).toBe(0o600);
});

test('a number is the lowest that is free', async () => {
  await claim();
  await claim();
  await claim();
  releaseNumber(directory, 2);
  expect(numbers()).toEqual([1, 3]);
  expect((await claim()).number).toBe(2);
  expect((await claim()).number).toBe(4);
});

test('release leaves nothing of the VM, and may be said twice', async () => {
  const { monitorSocket, pidFile } = await claim();
  writeFileSync(monitorSocket, '');
  writeFileSync(pidFile, '1');
  releaseNumber(directory, 1);
  releaseNumber(directory, 1);
  expect(readdirSync(directory)).toEqual(['lock']);
});

test('an entry can be replaced once QEMU runs', async () => {
  const entry = await claim();
  updateEntry(directory, { ...entry, qemu: identifySelf() });
  expect(listVms(directory)[0]?.qemu).toEqual(identifySelf());
});

describe('VMs that are gone', () => {
  test.each([
    ['whose rapido has ended', ended],
    ['whose pid now belongs to another process', recycled],
  ])('one %s is not listed, and its number and files are taken over', async (_, owner) => {
    const entry = await claim();
    await claim();
    updateEntry(directory, { ...entry, owner: owner() });
    writeFileSync(entry.monitorSocket, 'left behind');
    expect(numbers()).toEqual([2]);
    expect((await claim()).number).toBe(1);
    expect(existsSync(entry.monitorSocket)).toBe(false);
  });

  test('one whose QEMU outlived its rapido still runs', async () => {
    const entry = await claim();
    updateEntry(directory, { ...entry, owner: ended(), qemu: identifySelf() });
    expect(numbers()).toEqual([1]);
    expect((await claim()).number).toBe(2);
    updateEntry(directory, { ...entry, owner: ended(), qemu: recycled() });
    expect(numbers()).toEqual([2]);
  });

  test.each(['', '{', 'null', '[]', '{"version":2,"number":1}'])(
    'an entry that says %j is none',
    async (text) => {
      await claim();
      writeFileSync(vmFiles(directory, 2).entry, text);
      writeFileSync(join(directory, 'vmx.json'), text);
      expect(numbers()).toEqual([1]);
    },
  );

  test('there are none where nothing was ever booted', () => {
    expect(listVms(join(directory, 'nowhere'))).toEqual([]);
  });
});

describe('at once', () => {
  test('claims of one process get different numbers', async () => {
    const entries = await Promise.all([claim(), claim(), claim()]);
    expect(entries.map(({ number }) => number).sort()).toEqual([1, 2, 3]);
  });

  test('claims of several processes do, too', async () => {
    const script = compileScript(
      makeTemporaryDirectory(),
      'claim',
      `import { existsSync, writeFileSync } from 'node:fs';
       import { claimNumber } from './vm/registry.ts';
       const [directory, mark, ...marks] = process.argv.slice(2);
       const entry = await claimNumber(directory, (number, files) => ({ ...files, hostname: mark }));
       writeFileSync(mark, String(entry.number));
       // Alive until all have a number, so that no entry is stale.
       while (!marks.every((other) => existsSync(other))) await new Promise((next) => setTimeout(next, 5));`,
    );
    const marks = ['a', 'b', 'c'].map((name) => join(directory, '..', name));
    await Promise.all(marks.map((mark) => runScript(script, [directory, mark, ...marks])));
    expect(marks.map((mark) => readFileSync(mark, 'utf8')).sort()).toEqual(['1', '2', '3']);
  });
});

test('a directory whose path is too long for a socket is refused, with what to do', async () => {
  const directory = join('/tmp', 'd'.repeat(100));
  expect(await complaintOf(() => vmFiles(directory, 1), { DIRECTORY: directory })).toBe(
    [
      'rapido: error: DIRECTORY/vm1.qmp: too long for the path of a socket',
      '  hint: set QEMU_PID_DIR to a directory with a shorter path: 107 bytes at most',
    ].join('\n'),
  );
  expect(() => vmFiles('/run/rapido', 1)).not.toThrow();
});

test('an entry that cannot be understood keeps its number: its VM may be alive', async () => {
  const directory = makeTemporaryDirectory();
  const files = vmFiles(directory, 1);
  writeFileSync(files.entry, JSON.stringify({ version: 99 }));
  writeFileSync(files.monitorSocket, '');
  const claimed = await claimNumber(directory, () => ({}) as never);
  expect(claimed.number).toBe(2);
  expect(existsSync(files.monitorSocket)).toBe(true);
});
