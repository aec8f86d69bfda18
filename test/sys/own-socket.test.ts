import { once } from 'node:events';
import { chownSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { connectToOwn } from '../../src/sys/own-socket.ts';
import { withPrivateUmask } from '../../src/sys/umask.ts';
import { complaintOf } from '../support/complaint.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = makeTemporaryDirectory();
  path = join(directory, 'socket');
  const server = createServer((socket) => socket.end('hello'));
  onTestFinished(() => void server.close());
  const umask = process.umask(0);
  try {
    withPrivateUmask(() => server.listen(path));
  } finally {
    process.umask(umask);
  }
  await once(server, 'listening');
});

test('only its user can write to a socket, whatever the umask, and so connect to it', () => {
  expect(statSync(path).mode & 0o777).toBe(0o700);
  expect(process.umask()).not.toBe(0o077);
});

test('connects to a socket of this user, repeatedly', async () => {
  for (let turn = 0; turn < 3; turn++) {
    const socket = connectToOwn(path);
    const [data] = await once(socket, 'data');
    expect(String(data)).toBe('hello');
    socket.destroy();
  }
});

const refused = (name: string): Promise<string> =>
  complaintOf(() => connectToOwn(join(directory, name)), { DIRECTORY: directory });

test('does not follow a link to one', async () => {
  symlinkSync(path, join(directory, 'link'));
  expect(await refused('link')).toBe(
    'rapido: error: DIRECTORY/link is not a socket that belongs to this user',
  );
});

test('rejects a file', async () => {
  writeFileSync(join(directory, 'file'), '');
  expect(await refused('file')).toBe(
    'rapido: error: DIRECTORY/file is not a socket that belongs to this user',
  );
});

test.runIf(process.getuid?.() === 0)('rejects that of another user', async () => {
  chownSync(path, 65534, 65534);
  expect(await refused('socket')).toContain('socket is not a socket that belongs to this user');
});

test('reports a missing one as the system does', () => {
  expect(() => connectToOwn(join(directory, 'none'))).toThrow('ENOENT');
});
