import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { walkTree } from '../../src/image/tree-walk.ts';
import { complaintOf } from '../support/complaint.ts';
import { withoutRoot } from '../support/ordinary-user.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';

describe('walkTree', () => {
  it('returns parents before children, ordered by name', () => {
    const root = makeTemporaryDirectory();
    writeFiles(root, { 'b/c.txt': '1', 'a.txt': '2', 'b/a/x': '3' });
    symlinkSync('b', join(root, 'link'));
    expect(walkTree(root, []).map(({ name }) => name)).toEqual([
      '',
      'a.txt',
      'b',
      'b/a',
      'b/a/x',
      'b/c.txt',
      'link',
    ]);
  });

  it('keeps names that are not UTF-8 byte for byte', () => {
    const root = makeTemporaryDirectory();
    const odd = Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0x61, 0xff, 0xfe])]);
    writeFileSync(odd, 'x');
    const [, file] = walkTree(root, []);
    expect(file?.host).toEqual(odd);
    expect(file?.stats.size).toBe(1);
  });

  it('skips sockets, which an archive cannot contain', async () => {
    const root = makeTemporaryDirectory();
    const server = createServer().listen(join(root, 'socket'));
    await new Promise((resolve) => server.once('listening', resolve));
    expect(walkTree(root, []).map(({ name }) => name)).toEqual(['']);
    server.close();
  });

  it('treats a single file as a tree of one', () => {
    const root = makeTemporaryDirectory();
    writeFiles(root, { one: 'x' });
    expect(walkTree(join(root, 'one'), []).map(({ name }) => name)).toEqual(['']);
  });

  it('names what it cannot read', async () => {
    const root = makeTemporaryDirectory();
    mkdirSync(join(root, 'closed'), { mode: 0o000 });
    chmodSync(root, 0o755);
    const complaint = await withoutRoot(() => complaintOf(() => walkTree(root, []), { '~': root }));
    expect(complaint).toBe('rapido: error: ~/closed cannot be read (EACCES)');
  });
});
