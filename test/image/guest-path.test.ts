import { constants } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { directoryMaker, resolveGuestPath } from '../../src/image/guest-path.ts';

/** A guest with merged /usr, as dracut makes it. */
const MERGED = { bin: 'usr/bin', lib: 'usr/lib', 'var/run': 'run', 'var/lock': 'run/lock' };

describe('resolveGuestPath', () => {
  it.each([
    ['/bin/ls', 'usr/bin/ls'],
    ['/lib/modules/6.1/x.ko', 'usr/lib/modules/6.1/x.ko'],
    ['/var/run/a', 'run/a'],
    ['/usr/lib/x', 'usr/lib/x'],
    ['/library/x', 'library/x'],
    ['/home/me//tests/./a/../b/', 'home/me/tests/b'],
    ['relative/x', 'relative/x'],
    ['/../../etc/passwd', 'etc/passwd'],
    // A directory in its place would hide all programs.
    ['/bin', 'usr/bin'],
  ])('%s is %s', (path, resolved) => {
    expect(resolveGuestPath(path, MERGED)).toBe(resolved);
  });

  it('leaves paths unchanged in a guest without merged /usr', () => {
    expect(resolveGuestPath('/bin/ls', {})).toBe('bin/ls');
  });

  it('rejects circular links', () => {
    expect(resolveGuestPath('/a/x', { a: 'b', b: 'a' })).toMatch(/^[ab]\/x$/);
  });
});

describe('directoryMaker', () => {
  const S_IFDIR = constants.S_IFDIR;

  it('makes each directory once, parents first, and never replaces a link', () => {
    const make = directoryMaker(MERGED);
    expect(make('usr/lib/modules/x')).toEqual([
      { path: 'usr', mode: S_IFDIR | 0o755 },
      { path: 'usr/lib', mode: S_IFDIR | 0o755 },
      { path: 'usr/lib/modules', mode: S_IFDIR | 0o755 },
    ]);
    expect(make('usr/lib/modules/y')).toEqual([]);
    expect(make('bin/z')).toEqual([]);
  });

  it('keeps the permissions of /tmp and /root', () => {
    const make = directoryMaker({});
    expect(make('tmp/tree/a')[0]).toEqual({ path: 'tmp', mode: S_IFDIR | 0o1777 });
    expect(make('root/tests')).toEqual([{ path: 'root', mode: S_IFDIR | 0o700 }]);
  });
});
