import { closeSync, existsSync, mkdirSync, openSync, symlinkSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { writeCpio } from '../../src/formats/cpio/write.ts';
import { identifySelf } from '../../src/sys/process-identity.ts';
import { createWorkspace, type Finished, type Workspace } from '../support/workspace.ts';

const DAY = 24 * 3600;
const KIB = 1024;

let home: Workspace;

beforeEach(() => {
  home = createWorkspace();
});

/** Makes a file of 64 KiB below the home directory that was last used that many days ago. */
function makeOld(name: string, days: number): string {
  return age(home.write(name, Buffer.alloc(64 * KIB, 1)), days);
}

/** Makes a file that begins as an image does. */
function makeImage(name: string, days: number): string {
  const path = join(home.directory, name);
  mkdirSync(dirname(path), { recursive: true });
  const fd = openSync(path, 'wx');
  writeCpio(
    fd,
    [
      { path: 'rapido', mode: 0o040755 },
      { path: 'rapido/image.json', mode: 0o100644, data: 'x'.repeat(60 * KIB) },
    ],
    { outputName: path },
  );
  closeSync(fd);
  return age(path, days);
}

function makeRun(id: string, days: number, file = 'result.json', content = '{}'): string {
  const directory = join(home.directory, '.local/state/rapido/runs', id);
  home.write(join('.local/state/rapido/runs', id, file), content);
  return age(directory, days);
}

function age(path: string, days: number): string {
  const seconds = Date.now() / 1000 - days * DAY;
  utimesSync(path, seconds, seconds);
  return path;
}

/** The words that the paths in the output end with, in order. */
const removed = ({ stdout }: Finished): string[] =>
  [...stdout.matchAll(/^(?:would remove|removed) \S.*\/(\S+): /gm)].map(([, name = '']) => name);

describe('the cache and the images', () => {
  const layer = (days: number): string =>
    makeOld(`.cache/rapido/layers/userspace-${days}.layer`, days);
  const kernel = (days: number): string => makeOld(`.cache/rapido/kernels/${days}.vmlinux`, days);
  const image = (name: string, days: number): string =>
    makeImage(`.cache/rapido/images/${name}.img`, days);

  test('a dry run says what goes, the command removes just that, and what it frees is the sum', async () => {
    const gone = [layer(3), kernel(2), image('simple', 5), image('run/simple-0123', 4)];
    const dry = await home.rapido(['clean', '--dry-run']);
    expect(dry).toMatchObject({ status: 0, stderr: '' });
    expect(removed(dry)).toEqual([
      'userspace-3.layer',
      '2.vmlinux',
      'simple.img',
      'simple-0123.img',
    ]);
    expect(dry.stdout).toMatch(/userspace-3\.layer: 64\.0 KiB, last used 72 h 00 min ago$/m);
    expect(dry.stdout).toMatch(/\nwould free 256 KiB\n$/);
    expect(gone.map(existsSync)).toEqual([true, true, true, true]);

    const done = await home.rapido(['clean']);
    expect(removed(done)).toEqual(removed(dry));
    expect(done.stdout).toMatch(/\nfreed 256 KiB\n$/);
    expect(gone.map(existsSync)).toEqual([false, false, false, false]);
    expect((await home.rapido(['clean'])).stdout).toBe('freed 0 B\n');
  });

  test('by age and by size, for each kind', async () => {
    for (const days of [1, 2, 3, 40]) layer(days);
    image('simple', 40);
    const old = await home.rapido(['clean', '--older-than', '4w', '--dry-run']);
    expect(removed(old)).toEqual(['userspace-40.layer', 'simple.img']);
    const large = await home.rapido(['clean', 'cache', '--max-size', '130k', '--dry-run']);
    expect(removed(large)).toEqual(['userspace-40.layer', 'userspace-3.layer']);
  });

  test('what is in use stays, and so does what the user named or made', async () => {
    const kept = [
      image('last-one', 9),
      image('of-a-vm', 9),
      image('run/starting', 0),
      makeImage('named.img', 9),
      makeImage('.cache/rapido/images/one-for-all.img', 9),
      makeOld('.cache/rapido/images/of-the-user.img', 9),
      makeOld('.cache/rapido/images/notes.txt', 9),
      makeOld(`.cache/rapido/layers/.a.layer.${temporary()}`, 9),
    ];
    const litter = makeOld('.cache/rapido/layers/.a.layer.1-1-00000000.tmp', 0);
    symlinkSync(kept[0] ?? '', join(home.directory, '.cache/rapido/images/last'));
    registerVm(kept[1] ?? '');
    home.write('rapido.conf', `DRACUT_OUT="${kept[4]}"\n`);
    const done = await home.rapido(['clean']);
    expect(done.status).toBe(0);
    expect(done.stderr).toContain('of-a-vm.img: VM 3 runs it\n');
    expect(done.stderr).toContain('last-one.img: it was cut last, and `rapido boot` boots it\n');
    expect(done.stdout).toContain(`removed ${litter}: 64.0 KiB, left by a killed process\n`);
    expect(removed(done)).toHaveLength(1);
    expect(kept.filter((path) => !existsSync(path))).toEqual([]);
  });

  test('looking at images does not count as use', async () => {
    image('simple', 9);
    await home.rapido(['clean', '--older-than', '1d', '--dry-run']);
    const second = await home.rapido(['clean', '--older-than', '1d', '--dry-run']);
    expect(removed(second)).toEqual(['simple.img']);
  });
});

/** The suffix of the temporary files of this process. */
function temporary(): string {
  const { pid, startTime } = identifySelf();
  return `${pid}-${startTime}-00000000.tmp`;
}

function registerVm(image: string): void {
  const entry = {
    version: 1,
    number: 3,
    hostname: 'rapido3',
    cut: 'simple',
    kernelRelease: '6.1',
    owner: identifySelf(),
    consoleLog: '',
    monitorSocket: '',
    pidFile: '',
    image,
    since: '2026-01-01T20:45:00.000Z',
  };
  home.write('run/rapido/vm3.json', JSON.stringify(entry));
}

describe('results', () => {
  const OLD = '20260101-010000-simple-000a';
  const NEW = '20260201-010000-simple-000b';
  const RUNNING = '20251201-010000-simple-000c';
  const LATEST = '20251101-010000-simple-000d';

  test('go only if they are named, by age or size, and not the latest or one that runs', async () => {
    const old = makeRun(OLD, 60);
    makeRun(NEW, 5);
    makeRun(RUNNING, 90, 'running', JSON.stringify(identifySelf()));
    makeRun(LATEST, 90);
    symlinkSync(LATEST, join(dirname(old), 'latest'));
    makeOld(join('.local/state/rapido/runs/my notes'), 99);

    expect((await home.rapido(['clean'])).stdout).toBe('freed 0 B\n');
    const aged = await home.rapido(['clean', 'results', '--older-than', '30d']);
    expect(removed(aged)).toEqual([OLD]);
    expect(existsSync(old)).toBe(false);
    const all = await home.rapido(['clean', 'results', '--max-size', '0', '--dry-run']);
    expect(removed(all)).toEqual([NEW]);
  });
});

test.each([
  [['caches'], 'cannot clean "caches"', 'use cache, images or results'],
  [['results'], 'results: which?', 'rapido clean results --older-than 30d'],
  [['--older-than', '30'], '--older-than: "30" is not a valid age', '--older-than 30d'],
  [['--max-size', 'big'], '--max-size: "big" is not a valid size', '--max-size 5G'],
])('%j is rejected', async (args, message, hint) => {
  const { status, stderr, stdout } = await home.rapido(['clean', ...args]);
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toContain(message);
  expect(stderr).toContain(hint);
});
