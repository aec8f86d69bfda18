import { describe, expect, it } from 'vitest';
import { type HostRootRequest, planHostRoot } from '../../src/host/host-root.ts';

const ENTRIES: HostRootRequest['entries'] = [
  { name: 'bin', kind: 'link', target: 'usr/bin' },
  { name: 'etc', kind: 'directory' },
  { name: 'home', kind: 'directory' },
  { name: 'lost+found', kind: 'closed' },
  { name: 'private', kind: 'closed' },
  { name: 'root', kind: 'closed' },
  { name: 'srv', kind: 'empty' },
  { name: 'tmp', kind: 'directory' },
  { name: 'usr', kind: 'directory' },
  { name: 'vmlinuz', kind: 'link', target: 'boot/vmlinuz-6.1' },
];

const plan = (changes: Partial<HostRootRequest>) =>
  planHostRoot({
    entries: ENTRIES,
    leftOut: ['/boot', '/home', '/root'],
    cwd: '/usr/src',
    repository: undefined,
    home: '/home/me',
    ...changes,
  });

describe('what a guest has of the host', () => {
  it('is each directory of / that the user can list, and the links beside them', () => {
    expect(plan({})).toEqual({
      directories: ['/etc', '/usr'],
      links: { bin: 'usr/bin' },
      empty: ['/srv'],
      directory: '/usr/src',
      hasDirectory: true,
    });
  });

  it('is what the conf does not leave out', () => {
    expect(plan({ leftOut: [] }).directories).toEqual(['/etc', '/home', '/usr']);
    expect(plan({ leftOut: ['/etc/', '/home'] }).directories).toEqual(['/usr']);
    expect(() => plan({ leftOut: ['/srv/secret'] })).toThrow(
      'HOST_LEAVE_OUT: /srv/secret is not a directory of the root directory',
    );
  });

  it('includes the working directory, or the repository that contains it', () => {
    const cwd = '/home/me/linux/tools';
    expect(plan({ cwd }).directories).toEqual(['/etc', '/usr', cwd]);
    const repository = '/home/me/linux';
    expect(plan({ cwd, repository }).directories).toEqual(['/etc', '/usr', repository]);
    expect(plan({ cwd: '/tmp/x' }).directories).toEqual(['/etc', '/usr', '/tmp/x']);
  });

  it.each(['/home/me', '/home', '/tmp'])(
    'has an empty directory in place of %s, where keys may be',
    (cwd) => {
      const root = plan({ cwd, repository: '/home/me' });
      expect(root).toMatchObject({ directories: ['/etc', '/usr'], directory: cwd });
      expect(root).toMatchObject({ hasDirectory: false, empty: ['/srv', cwd] });
    },
  );

  it('never takes a home directory for a repository', () => {
    const cwd = '/home/me/tests';
    expect(plan({ cwd, repository: '/home/me' }).directories).toEqual(['/etc', '/usr', cwd]);
  });
});
