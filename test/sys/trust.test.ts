import { execFileSync } from 'node:child_process';
import { chmodSync, lchownSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  findUntrusted,
  hintForUntrusted,
  readTrusted,
  type Trust,
  type TrustOptions,
  trustOf,
} from '../../src/sys/trust.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';
import { compileScript } from '../support/typescript-process.ts';

const NOBODY = 65534;
const isRoot = process.getuid?.() === 0;
const own = process.getuid?.() ?? 0;

let root: string;
beforeEach(() => {
  root = makeTemporaryDirectory();
  writeFiles(root, { 'home/project/rapido.conf': 'TAP_USER=me\n' });
});

const at = (path: string): string => join(root, path);
const mine = (): Trust => ({ uids: new Set([own, 0]), home: undefined, vouchedFor: [] });

/** The result for a path in the temporary directory. */
function faultOf(path: string, trust: Trust = mine(), options?: TrustOptions): string | undefined {
  const stranger = findUntrusted(at(path), trust, options);
  return stranger && `${stranger.path} ${stranger.why}`.replace(root, 'ROOT');
}

test("trusts the caller's own files; a missing file has no owner", () => {
  expect(faultOf('home/project/rapido.conf')).toBeUndefined();
  expect(faultOf('home/project')).toBeUndefined();
  expect(faultOf('home/nowhere/rapido.conf')).toBeUndefined();
});

describe('checks write permission', () => {
  test.each<[string, string, number, string | undefined]>([
    ['a file for everybody', 'home/project/rapido.conf', 0o666, 'everyone'],
    ['a file for a group of several', 'home/project/rapido.conf', 0o664, 'group'],
    ['a directory for everybody', 'home', 0o777, 'everyone'],
    ['a sticky directory for everybody', 'home', 0o1777, undefined],
    ['a directory that everybody can read', 'home', 0o755, undefined],
  ])('%s', (_, name, mode, expected) => {
    // A group that belongs to no user: its number has no entry in group(5), and is no uid.
    if (isRoot) lchownSync(at(name), 0, 4_000_000);
    else if (expected === 'group') return;
    chmodSync(at(name), mode);
    const fault = faultOf('home/project/rapido.conf');
    if (expected === undefined) expect(fault).toBeUndefined();
    else expect(fault).toMatch(`ROOT/${name} is writable by ${expected}`);
  });

  test('rejects a sticky directory of cuts', () => {
    chmodSync(at('home/project'), 0o1777);
    expect(faultOf('home/project')).toBe('ROOT/home/project is writable by everyone');
    expect(faultOf('home/project', mine(), { mayBeShared: true })).toBeUndefined();
    expect(faultOf('home/project/rapido.conf')).toBeUndefined();
  });
});

describe('checks the owner', () => {
  /** The user who runs this test is another user. */
  const others = (changes: Partial<Trust> = {}): Trust => ({
    uids: new Set([4711]),
    home: undefined,
    vouchedFor: [],
    ...changes,
  });

  test('names the nearest path of another user', () => {
    expect(faultOf('home/project/rapido.conf', others())).toMatch(
      new RegExp(`^ROOT/home/project/rapido.conf belongs to user .*\\b${own}\\b`),
    );
  });

  test('trusts directories in RAPIDO_TRUST with everything below, and nothing beside them', () => {
    const trust = others({ vouchedFor: [at('home/project')] });
    expect(faultOf('home/project/rapido.conf', trust)).toBeUndefined();
    expect(faultOf('home/project', trust)).toBeUndefined();
    expect(faultOf('home', trust)).toMatch('ROOT/home belongs to');
    writeFiles(root, { 'home/project2/rapido.conf': '' });
    expect(faultOf('home/project2/rapido.conf', trust)).toMatch('ROOT/home/project2/rapido.conf');
    expect(faultOf('home/project2/rapido.conf', others({ vouchedFor: ['/'] }))).toBeUndefined();
  });

  test('follows a link out of a trusted directory, and checks its target', () => {
    symlinkSync(at('home/project/rapido.conf'), at('home/link'));
    const trust = others({ vouchedFor: [at('home/link')] });
    expect(faultOf('home/link', trust)).toMatch('ROOT/home/project/rapido.conf belongs to');
  });
});

test('in a user namespace, directories above a file may belong to unmapped users', () => {
  // Files of root, as seen from a namespace that does not map root.
  const trust: Trust = { uids: new Set([4711]), unmapped: own, home: undefined, vouchedFor: [] };
  expect(faultOf('home/project/rapido.conf', trust)).toMatch('rapido.conf belongs to');
  if (isRoot) lchownSync(at('home/project/rapido.conf'), 4711, 0);
  if (isRoot) expect(faultOf('home/project/rapido.conf', trust)).toBeUndefined();
});

test.runIf(isRoot)('recognizes a user namespace', () => {
  const script = compileScript(
    root,
    'unmapped',
    `import { trustOf } from './sys/trust.ts'; console.log(trustOf({}).unmapped);`,
  );
  const argv = ['--user', '--map-user=1000', process.execPath, script];
  expect(execFileSync('unshare', argv, { encoding: 'utf8' })).toBe('65534\n');
});

test('checks the home directory, and nothing above it', () => {
  chmodSync(root, 0o777);
  const trust = { ...mine(), home: at('home') };
  expect(faultOf('home/project/rapido.conf')).toBe('ROOT is writable by everyone');
  expect(faultOf('home/project/rapido.conf', trust)).toBeUndefined();
  chmodSync(at('home'), 0o777);
  expect(faultOf('home/project/rapido.conf', trust)).toBe('ROOT/home is writable by everyone');
});

test.each(['../home/./project/rapido.conf', 'a', 'b'])('follows a link to %s', (target) => {
  symlinkSync('b/../a', at('a'));
  mkdirSync(at('other'));
  symlinkSync('home', at('b'));
  symlinkSync(target, at('other/link'));
  chmodSync(at('home/project/rapido.conf'), 0o666);
  // Circular links, such as `a`, lead nowhere.
  const expected = target.startsWith('..')
    ? 'ROOT/home/project/rapido.conf is writable by everyone'
    : undefined;
  expect(faultOf('other/link')).toBe(expected);
});

test('checks a link to `..` as that directory', () => {
  symlinkSync('..', at('home/project/up'));
  chmodSync(at('home'), 0o1777);
  expect(faultOf('home/project/up')).toBe('ROOT/home is writable by everyone');
});

describe.runIf(isRoot)('files of others, as root', () => {
  const trustUnderSudo = (): Trust => trustOf({ HOME: root, SUDO_UID: String(NOBODY) });

  test('does not follow a link of another user, whatever its target', () => {
    symlinkSync('project/rapido.conf', at('home/link'));
    lchownSync(at('home/link'), NOBODY, NOBODY);
    expect(faultOf('home/link')).toBe('ROOT/home/link belongs to user nobody (65534)');
  });

  test('with sudo, files of that user are trusted; without sudo they are not', () => {
    lchownSync(at('home/project/rapido.conf'), NOBODY, NOBODY);
    expect(faultOf('home/project/rapido.conf')).toMatch('belongs to user nobody');
    expect(faultOf('home/project/rapido.conf', trustUnderSudo())).toBeUndefined();
    expect(faultOf('home/project/rapido.conf', trustOf({ HOME: root, SUDO_UID: 'x' }))).toMatch(
      'belongs to user nobody',
    );
  });

  test.each([
    ['a file of root that only root may read', 0o600, 0o755, 'secret'],
    ['a directory that only root may enter', 0o644, 0o700, ''],
  ])('with sudo, a link of that user must not lead to %s', (_, fileMode, mode, name) => {
    writeFiles(root, { 'root/secret': 'password\n' });
    chmodSync(at('root/secret'), fileMode);
    chmodSync(at('root'), mode);
    chmodSync(root, 0o755);
    symlinkSync(at('root/secret'), at('home/link'));
    lchownSync(at('home/link'), NOBODY, NOBODY);
    expect(faultOf('home/link', trustUnderSudo())).toBe(
      `${join('ROOT/root', name)} is the target of a link of user nobody (65534), who may not read it`,
    );
    chmodSync(at('root/secret'), 0o644);
    chmodSync(at('root'), 0o755);
    expect(faultOf('home/link', trustUnderSudo())).toBeUndefined();
  });
});

describe('reading', () => {
  const read = (path: string, trust = mine()) => {
    const found = readTrusted(path, trust);
    return Buffer.isBuffer(found) ? found.toString() : found.why;
  };

  test('returns the text, or why it is not trusted', () => {
    expect(read(at('home/project/rapido.conf'))).toBe('TAP_USER=me\n');
    chmodSync(at('home/project/rapido.conf'), 0o666);
    expect(read(at('home/project/rapido.conf'))).toBe('is writable by everyone');
  });

  test('reports a directory or a missing file as the system does', () => {
    expect(() => read(at('home'))).toThrow('EISDIR');
    expect(() => read(at('home/none'))).toThrow('ENOENT');
  });

  test('trusts a device of root, though everybody can write to it', () => {
    expect(read('/dev/null')).toBe('');
  });

  test.runIf(isRoot)('rejects a pipe of another user without waiting', () => {
    execFileSync('mkfifo', [at('home/pipe')]);
    lchownSync(at('home/pipe'), NOBODY, NOBODY);
    expect(read(at('home/pipe'))).toBe('belongs to user nobody (65534)');
  });

  test('does not use a file that is swapped while it is read', () => {
    // The open file and the file at the path differ.
    const trust: Trust = {
      ...mine(),
      get home() {
        const path = at('home/project/rapido.conf');
        writeFileSync(`${path}.new`, 'TAP_USER=other\n');
        renameSync(`${path}.new`, path);
        return undefined;
      },
    };
    expect(read(at('home/project/rapido.conf'), trust)).toBe('was replaced while it was read');
  });
});

test('RAPIDO_TRUST contains absolute directories; others are ignored', () => {
  symlinkSync(at('home'), at('link'));
  const { vouchedFor } = trustOf({ RAPIDO_TRUST: `${at('link')}:relative:/nowhere/at/all::/` });
  expect(vouchedFor).toEqual([at('home'), '/']);
  expect(hintForUntrusted('/srv/my cuts')).toBe(
    "if you trust everyone who can write there: export 'RAPIDO_TRUST=/srv/my cuts'",
  );
});
