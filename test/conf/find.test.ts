import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadConf } from '../../src/conf/load.ts';
import { UserError } from '../../src/errors.ts';
import { withoutRoot } from '../support/ordinary-user.ts';

let root: string;
let env: Record<string, string>;

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'rapido conf ')));
  for (const directory of ['here', 'checkout', 'home/.config/rapido', 'xdg/rapido']) {
    mkdirSync(join(root, directory), { recursive: true });
  }
  env = { HOME: join(root, 'home') };
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, text = `TAP_USER="${path}"\n`): void {
  writeFileSync(join(root, path), text);
}

function load(confFile?: string) {
  return loadConf({ confFile, rapidoDir: join(root, 'checkout'), env, cwd: join(root, 'here') });
}

function errorOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return `${error.message}\n${error.hint}`.replaceAll(root, 'ROOT');
  }
  throw new Error('nothing was refused');
}

test('uses the first file that exists: --conf, RAPIDO_CONF, the current directory, the checkout, XDG', () => {
  // Each file is removed after it was found; /etc/rapido.conf is last and not tested here.
  write('home/.config/rapido/rapido.conf');
  expect(load().get('TAP_USER')).toBe('home/.config/rapido/rapido.conf');
  write('xdg/rapido/rapido.conf');
  env.XDG_CONFIG_HOME = join(root, 'xdg');
  expect(load().get('TAP_USER')).toBe('xdg/rapido/rapido.conf');
  write('checkout/rapido.conf');
  expect(load().get('TAP_USER')).toBe('checkout/rapido.conf');
  write('here/rapido.conf');
  expect(load().get('TAP_USER')).toBe('here/rapido.conf');
  write('named.conf');
  env.RAPIDO_CONF = '../named.conf';
  expect(load().get('TAP_USER')).toBe('named.conf');
  write('other.conf');
  expect(load('../other.conf').get('TAP_USER')).toBe('other.conf');
});

test('shows a short name for a file below the current directory', () => {
  write('here/rapido.conf');
  expect(load().source).toMatchObject({
    name: 'rapido.conf',
    path: join(root, 'here/rapido.conf'),
  });
  write('other.conf');
  expect(load('../other.conf').source?.name).toBe(join(root, 'other.conf'));
});

test('needs no file', () => {
  const conf = load();
  // A machine that these tests run on may have one for all its users.
  if (conf.source?.path === '/etc/rapido.conf') return;
  expect(conf.source).toBeUndefined();
  expect(conf.get('VM_CPUS')).toBe(2);
  expect(conf.warnings).toEqual([]);
});

test('ignores an empty RAPIDO_CONF', () => {
  write('here/rapido.conf');
  env.RAPIDO_CONF = '';
  expect(load().get('TAP_USER')).toBe('here/rapido.conf');
});

test('follows a symbolic link; relative paths are relative to the directory of the link', () => {
  write('dotfile', 'KERNEL_SRC=linux\n');
  symlinkSync('../dotfile', join(root, 'here/rapido.conf'));
  expect(load().get('KERNEL_SRC')).toBe(join(root, 'here/linux'));
});

describe('an unreadable file is an error that names the option or variable', () => {
  test('missing', () => {
    env.RAPIDO_CONF = 'no/such.conf';
    expect(errorOf(() => load('missing.conf'))).toMatchInlineSnapshot(`
      "conf file missing.conf, named by --conf, does not exist
      name a readable file, or omit --conf"
    `);
    expect(errorOf(() => load())).toMatchInlineSnapshot(`
      "conf file ROOT/here/no/such.conf, named by the environment variable RAPIDO_CONF, does not exist
      name a readable file, or unset RAPIDO_CONF"
    `);
    expect(errorOf(() => load(''))).toMatchInlineSnapshot(`
      "--conf: the file name is empty
      write --conf FILE, or omit --conf"
    `);
  });

  test('a directory', () => {
    expect(errorOf(() => load('..'))).toMatchInlineSnapshot(`
      "conf file ROOT, named by --conf, is a directory
      name a readable file, or omit --conf"
    `);
    mkdirSync(join(root, 'here/rapido.conf'));
    expect(errorOf(() => load())).toMatchInlineSnapshot(`
      "conf file rapido.conf is a directory
      fix it, or name another file with --conf"
    `);
  });

  test('no permission', async () => {
    write('here/rapido.conf');
    chmodSync(join(root, 'here/rapido.conf'), 0);
    chmodSync(root, 0o755);
    const error = await withoutRoot(() => errorOf(() => load()));
    expect(error).toContain('cannot be read by this user');
  });

  test('not text', () => {
    write('here/rapido.conf', 'KERNEL_SRC=\0');
    expect(errorOf(() => load())).toMatchInlineSnapshot(`
      "conf file rapido.conf is not a text file
      fix it, or name another file with --conf"
    `);
  });
});
