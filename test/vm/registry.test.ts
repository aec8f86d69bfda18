import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  identifyProcess,
  identifySelf,
  type ProcessIdentity,
} from '../../src/sys/process-identity.ts';
import {
  claimNumber,
  listVms,
  releaseNumber,
  updateEntry,
  type VmEntry,
  vmFiles,
} from '../../src/vm/registry.ts';
import { complaintOf } from '../support/complaint.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';
import { compileScript, runScript } from '../support/typescript-process.ts';

let directory: string;
beforeEach(() => {
  directory = join(makeTemporaryDirectory(), 'rapido');
});

const claim = (wanted?: number): Promise<VmEntry> =>
  claimNumber(
    directory,
    (number, { monitorSocket, requestSocket, pidFile }) => ({
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
    }),
    wanted,
  );

const numbers = (): number[] => listVms(directory).map(({ number }) => number);

const ended = (): ProcessIdentity => ({ pid: spawnSync('true').pid, startTime: '1' });
const recycled = (): ProcessIdentity => {
  const { pid, startTime } = identifySelf();
  return { pid, startTime: String(Number(startTime) - 1) };
};

test('the first VM is number 1; others see its entry, in a private file', async () => {
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

test('uses the lowest free number', async () => {
  await claim();
  await claim();
  await claim();
  releaseNumber(directory, 2);
  expect(numbers()).toEqual([1, 3]);
  expect((await claim()).number).toBe(2);
  expect((await claim()).number).toBe(4);
});

test('release leaves nothing of the VM, and may be called twice', async () => {
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

describe('VMs that have ended', () => {
  test.each([
    ['whose rapido has ended', ended],
    ['whose pid now belongs to another process', recycled],
  ])('one %s is not listed, and its number and files are reused', async (_, owner) => {
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
    'an entry that says %j is invalid',
    async (text) => {
      await claim();
      writeFileSync(vmFiles(directory, 2).entry, text);
      writeFileSync(join(directory, 'vmx.json'), text);
      expect(numbers()).toEqual([1]);
    },
  );

  test('there are none if nothing was booted', () => {
    expect(listVms(join(directory, 'nowhere'))).toEqual([]);
  });
});

describe('concurrent claims', () => {
  test('of one process get different numbers', async () => {
    const entries = await Promise.all([claim(), claim(), claim()]);
    expect(entries.map(({ number }) => number).sort()).toEqual([1, 2, 3]);
  });

  test('of several processes do, too', async () => {
    const script = compileScript(
      makeTemporaryDirectory(),
      'claim',
      `import { existsSync, writeFileSync } from 'node:fs';
       import { claimNumber } from './vm/registry.ts';
       const [directory, mark, ...marks] = process.argv.slice(2);
       const entry = await claimNumber(directory, (number, files) => ({ ...files, hostname: mark }));
       writeFileSync(mark, String(entry.number));
       // Runs until all have a number, so that no entry is stale.
       while (!marks.every((other) => existsSync(other))) await new Promise((next) => setTimeout(next, 5));`,
    );
    const marks = ['a', 'b', 'c'].map((name) => join(directory, '..', name));
    await Promise.all(marks.map((mark) => runScript(script, [directory, mark, ...marks])));
    expect(marks.map((mark) => readFileSync(mark, 'utf8')).sort()).toEqual(['1', '2', '3']);
  });
});

test('rejects a directory whose path is too long for a socket, with a hint', async () => {
  const directory = join('/tmp', 'd'.repeat(100));
  expect(await complaintOf(() => vmFiles(directory, 1), { DIRECTORY: directory })).toBe(
    [
      'rapido: error: DIRECTORY/vm1.qmp: the path is too long for a Unix socket',
      '  hint: set QEMU_PID_DIR to a directory with a shorter path: 107 bytes at most',
    ].join('\n'),
  );
  expect(() => vmFiles('/run/rapido', 1)).not.toThrow();
});

test('an entry that cannot be parsed keeps its number: its VM may be running', async () => {
  const directory = makeTemporaryDirectory();
  const files = vmFiles(directory, 1);
  writeFileSync(files.entry, JSON.stringify({ version: 99 }));
  writeFileSync(files.monitorSocket, '');
  const claimed = await claimNumber(directory, () => ({}) as never);
  expect(claimed.number).toBe(2);
  expect(existsSync(files.monitorSocket)).toBe(true);
});

/** The text of an entry of the registry, as the first versions of rapido wrote it. */
const entryOf = (number: number, changes: object = {}): string =>
  JSON.stringify({
    version: 1,
    number,
    hostname: `rapido${number}`,
    cut: 'simple-example',
    kernelRelease: '6.10.0',
    owner: identifySelf(),
    consoleLog: '/state/console.log',
    monitorSocket: '/run/monitor',
    pidFile: '/run/pid',
    since: '2026-01-01T00:00:00.000Z',
    ...changes,
  });

test('an entry of an earlier rapido has defaults for later fields, and unknown fields are ignored', () => {
  writeFiles(directory, { 'vm1.json': entryOf(1, { colour: 'blue' }) });
  expect(listVms(directory)).toEqual([
    {
      ...JSON.parse(entryOf(1)),
      state: 'ready',
      addresses: [],
      forwards: [],
      image: '',
      disks: [],
      taps: [],
    },
  ]);
});

describe('untrusted entries', () => {
  beforeEach(() => {
    mkdirSync(directory);
  });

  test.each<[string, (path: string) => void]>([
    ['an entry under the name of another number', (path) => writeFileSync(path, entryOf(7))],
    [
      'an entry that is a link, even to a valid one',
      (path) => {
        writeFileSync(`${path}.real`, entryOf(1));
        symlinkSync(`${path}.real`, path);
      },
    ],
    ['an entry that is a pipe', (path) => void spawnSync('mkfifo', [path])],
    [
      'an entry without end',
      (path) => {
        writeFileSync(path, entryOf(1));
        truncateSync(path, 2 ** 40);
      },
    ],
    [
      'pids that stand for many processes',
      (path) => writeFileSync(path, entryOf(1, { owner: { pid: -1, startTime: '1' } })),
    ],
    [
      'a process that is not QEMU',
      (path) => writeFileSync(path, entryOf(1, { qemu: { pid: 0, startTime: '1' } })),
    ],
    [
      'a field of another type',
      (path) => writeFileSync(path, entryOf(1, { disks: [{ path: '/dev/sda' }] })),
    ],
  ])('%s; its number is avoided', async (_, make) => {
    make(vmFiles(directory, 1).entry);
    expect(numbers()).toEqual([]);
    expect((await claim()).number).toBe(2);
  });

  test('files without an entry are left over, and their number is free', async () => {
    const pid = spawnSync('true').pid;
    writeFiles(directory, { 'vm1.qmp': '', 'rapido_vm1.pid': `${pid}\n`, 'vm2.ask': '' });
    const { number, pidFile } = await claim();
    expect(number).toBe(1);
    expect(statSync(pidFile)).toMatchObject({ size: 0 });
    expect(readdirSync(directory).filter((name) => name.startsWith('vm'))).toEqual(['vm1.json']);
  });

  test('a VM of the original tool, which has only a pid file, keeps its number', async () => {
    writeFiles(directory, { 'rapido_vm1.pid': `${process.pid}\n` });
    expect((await claim()).number).toBe(2);
    expect(existsSync(vmFiles(directory, 1).pidFile)).toBe(true);
  });
});

describe.runIf(process.getuid?.() === 0)('a directory that several users share', () => {
  const NOBODY = 65534;
  beforeEach(() => {
    mkdirSync(directory);
    chmodSync(directory, 0o1777);
  });
  const give = (name: string): void => lchownSync(join(directory, name), NOBODY, NOBODY);

  test('entries of others are not listed and not removed, and their numbers are not used', async () => {
    writeFileSync(vmFiles(directory, 1).entry, entryOf(1));
    writeFileSync(vmFiles(directory, 2).entry, entryOf(2, { owner: ended() }));
    give('vm1.json');
    give('vm2.json');
    expect(numbers()).toEqual([]);
    expect(listVms(directory, NOBODY)).toEqual([]); // The process belongs to root.
    expect((await claim()).number).toBe(3);
    expect(readdirSync(directory).filter((name) => name.endsWith('.json'))).toHaveLength(3);
    expect(await complaintOf(() => claim(1), { DIRECTORY: directory })).toMatchInlineSnapshot(`
      "rapido: error: VM 1 is taken: its files in DIRECTORY belong to another user or another version of rapido
        hint: use another number, or set QEMU_PID_DIR to a directory of your own"
    `);
  });

  test('an entry of this user about a process of another is no running VM', async () => {
    const theirs = spawn('setpriv', [`--reuid=${NOBODY}`, '--clear-groups', 'sleep', '60']);
    onTestFinished(() => {
      theirs.kill('SIGKILL');
    });
    await vi.waitFor(() =>
      expect(readFileSync(`/proc/${theirs.pid}/comm`, 'utf8')).toBe('sleep\n'),
    );
    const process = identifyProcess(theirs.pid ?? 0);
    writeFileSync(vmFiles(directory, 1).entry, entryOf(1, { owner: process! }));
    expect(numbers()).toEqual([]);
  });

  test.each(['vm1.qmp', 'vm1.ask', 'rapido_vm1.pid'])(
    'a link of another user at %s is not followed',
    async (name) => {
      writeFiles(directory, { target: 'precious' });
      symlinkSync(join(directory, 'target'), join(directory, name));
      give(name);
      expect((await claim()).number).toBe(2);
      expect(readFileSync(join(directory, 'target'), 'utf8')).toBe('precious');
    },
  );

  test('releasing a number removes no file of another user', async () => {
    await claim();
    writeFiles(directory, { 'vm1.qmp': '' });
    give('vm1.qmp');
    releaseNumber(directory, 1);
    expect(readdirSync(directory).sort()).toEqual(['lock-0', 'vm1.qmp']);
  });
});

describe('rejects a directory in which others can replace files', () => {
  test('one that everybody can write and that is not sticky', async () => {
    mkdirSync(directory);
    chmodSync(directory, 0o777);
    expect(await complaintOf(claim, { DIRECTORY: directory })).toMatchInlineSnapshot(`
      "rapido: error: DIRECTORY: VMs cannot be registered there: DIRECTORY is writable by everyone
        hint: chmod +t DIRECTORY, so that users cannot replace each other's files, or set QEMU_PID_DIR to another directory"
    `);
    chmodSync(directory, 0o1777);
    expect((await claim()).number).toBe(1);
  });

  test.runIf(process.getuid?.() === 0)("another user's", async () => {
    mkdirSync(directory);
    chmodSync(directory, 0o1777);
    lchownSync(directory, 65534, 65534);
    expect(await complaintOf(claim, { DIRECTORY: directory })).toMatchInlineSnapshot(`
      "rapido: error: DIRECTORY: VMs cannot be registered there: DIRECTORY belongs to user nobody (65534)
        hint: set QEMU_PID_DIR to a directory of your own; if you trust everyone who can write there: export 'RAPIDO_TRUST=DIRECTORY'"
    `);
  });
});
