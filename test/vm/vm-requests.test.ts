import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { connectToOwn } from '../../src/sys/own-socket.ts';
import { askVm } from '../../src/vm/ask-vm.ts';
import type { VmEntry } from '../../src/vm/registry.ts';
import { serveRequests, type VmRequest } from '../../src/vm/vm-requests.ts';
import { complaintOf } from '../support/complaint.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';

let path: string;
let requests: VmRequest[];
/** What the server answers, as text. */
let reply: string;
beforeEach(async () => {
  path = join(makeTemporaryDirectory(), 'vm1.ask');
  requests = [];
  reply = '';
  const server = await serveRequests(path, (request, { socket }) => {
    requests.push(request);
    socket.end(reply);
  });
  onTestFinished(() => server.close());
});

/** Sends a line. @returns the answers */
async function send(line: string): Promise<string> {
  const socket = connectToOwn(path);
  await once(socket, 'connect');
  socket.write(`${line}\n`);
  return text(socket);
}

const vm = (): VmEntry => ({ number: 1, requestSocket: path }) as VmEntry;

test.each<VmRequest>([
  { request: 'stop' },
  { request: 'console' },
  { request: 'size', rows: 24, columns: 80 },
  { request: 'exec', words: ['bHM=', ''], sockets: { stdout: '/a', stderr: '/b' } },
  {
    request: 'exec',
    words: [],
    sockets: { stdin: '/c', stdout: '/a', stderr: '/b' },
    terminal: { rows: 1, columns: 1, type: undefined },
  },
])('passes on $request', async (request) => {
  reply = '{"answer":"granted","since":"a later version"}\n';
  const connection = await askVm(vm(), request);
  expect(await connection.nextAnswer()).toEqual({ answer: 'granted' });
  expect(requests).toEqual([request]);
  expect(await connection.nextAnswer()).toBeUndefined();
});

test.each([
  '',
  '{',
  'null',
  '[]',
  '"stop"',
  '{"request":"dance"}',
  '{"request":"size","rows":"24","columns":80}',
  '{"request":"exec"}',
  '{"request":"exec","words":[1],"sockets":{"stdout":"","stderr":""}}',
  '{"request":"exec","words":["not in base64"],"sockets":{"stdout":"","stderr":""}}',
])('refuses %j, and serves the next request', async (line) => {
  expect(JSON.parse(await send(line))).toEqual({
    answer: 'refused',
    reason: 'the rapido process of this VM does not support this request',
  });
  await send('{"request":"stop"}');
  expect(requests).toEqual([{ request: 'stop' }]);
});

test.each(['null', '{', '{"answer":"perhaps"}', '{"answer":"stopped","how":"softly"}'])(
  'an answer that says %j is reported',
  async (answer) => {
    reply = `${answer}\n`;
    const connection = await askVm(vm(), { request: 'stop' });
    expect(await complaintOf(() => connection.nextAnswer())).toBe(
      [
        'rapido: error: VM 1: its rapido process gave an answer that this rapido does not know',
        '  hint: use the rapido version that started the VM',
      ].join('\n'),
    );
  },
);
