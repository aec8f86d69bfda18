import { chmodSync, chownSync, existsSync, mkdirSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ensureRuntimeDirectory, locateDirectories } from '../../src/host/directories.ts';
import { complaintOf } from '../support/complaint.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';

describe('directories of rapido', () => {
  test('are below the home directory', () => {
    expect(locateDirectories({ HOME: '/home/me' }, '/rapido')).toMatchInlineSnapshot(`
      {
        "cache": "/home/me/.cache/rapido",
        "config": "/home/me/.config/rapido",
        "root": "/rapido",
        "state": "/home/me/.local/state/rapido",
      }
    `);
  });

  test('are where the XDG variables point; empty and relative values count as unset', () => {
    const env = {
      HOME: '/home/me',
      XDG_CACHE_HOME: '/fast',
      XDG_CONFIG_HOME: '',
      XDG_STATE_HOME: 'state',
    };
    expect(locateDirectories(env, '/rapido')).toMatchObject({
      cache: '/fast/rapido',
      config: '/home/me/.config/rapido',
      state: '/home/me/.local/state/rapido',
    });
  });

  test('its own root is the checkout with cuts, autorun and guest', () => {
    const { root } = locateDirectories({});
    for (const name of ['cuts', 'autorun', 'guest', 'package.json']) {
      expect(existsSync(join(root, name))).toBe(true);
    }
  });
});

describe('the directory of running VMs', () => {
  let directory: string;
  const uid = process.getuid?.() ?? 0;

  beforeEach(() => {
    directory = makeTemporaryDirectory();
    vi.stubEnv('TMPDIR', directory);
  });
  afterEach(() => vi.unstubAllEnvs());

  const modeOf = (path: string): number => statSync(path).mode & 0o777;

  test('is in XDG_RUNTIME_DIR, private', () => {
    mkdirSync(join(directory, 'run'), { mode: 0o700 });
    const made = ensureRuntimeDirectory({ XDG_RUNTIME_DIR: join(directory, 'run') });
    expect(made).toBe(join(directory, 'run/rapido'));
    expect(modeOf(made)).toBe(0o700);
    expect(ensureRuntimeDirectory({ XDG_RUNTIME_DIR: join(directory, 'run') })).toBe(made);
  });

  test.each([
    ['not set', undefined],
    ['empty', ''],
    ['relative', 'run'],
    ['gone, as after sudo or su', '/run/user/nowhere'],
    ["not this user's", uid === 0 ? 'FOREIGN' : '/'],
  ])('is in the temporary directory, private, if XDG_RUNTIME_DIR is %s', (_, value) => {
    if (value === 'FOREIGN') {
      mkdirSync(join(directory, 'foreign'));
      chownSync(join(directory, 'foreign'), 65534, 65534);
    }
    const made = ensureRuntimeDirectory({
      XDG_RUNTIME_DIR: value === 'FOREIGN' ? join(directory, 'foreign') : value,
    });
    expect(made).toBe(join(directory, `rapido-${uid}`));
    expect(modeOf(made)).toBe(0o700);
  });

  const refused = () =>
    complaintOf(() => ensureRuntimeDirectory({}), { RUNTIME: join(directory, `rapido-${uid}`) });

  test.each(['nowhere', 'theirs'])('is rejected if a link leads %s', async (target) => {
    mkdirSync(join(directory, 'theirs'));
    symlinkSync(target, join(directory, `rapido-${uid}`));
    expect(await refused()).toContain('RUNTIME: belongs to another user');
  });

  test('is rejected if TMPDIR does not exist', async () => {
    vi.stubEnv('TMPDIR', join(directory, 'missing'));
    expect(
      await complaintOf(() => ensureRuntimeDirectory({}), { MISSING: join(directory, 'missing') }),
    ).toMatchInlineSnapshot(`
      "rapido: error: TMPDIR: MISSING does not exist
        hint: set XDG_RUNTIME_DIR or QEMU_PID_DIR to a directory of your own"
    `);
  });

  test('is rejected if a file is in its place', async () => {
    writeFiles(directory, { [`rapido-${uid}`]: '' });
    expect(await refused()).toMatchInlineSnapshot(`
      "rapido: error: RUNTIME: belongs to another user, may be written by others, or is not a directory
        hint: set XDG_RUNTIME_DIR or QEMU_PID_DIR to a directory of your own"
    `);
  });

  test('is rejected if others can write to it', async () => {
    mkdirSync(join(directory, `rapido-${uid}`));
    chmodSync(join(directory, `rapido-${uid}`), 0o777);
    expect(await refused()).toMatchInlineSnapshot(`
      "rapido: error: RUNTIME: belongs to another user, may be written by others, or is not a directory
        hint: set XDG_RUNTIME_DIR or QEMU_PID_DIR to a directory of your own"
    `);
  });
});
