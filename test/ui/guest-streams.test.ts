import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';
import { compileScript } from '../support/typescript-process.ts';
import { run } from '../support/workspace.ts';

let compiled = '';
const script = (): string => compiled;
beforeAll(() => {
  // Removed after the file, not after a test, because every test runs it.
  const directory = mkdtempSync(join(tmpdir(), 'rapido test-'));
  compiled = compileScript(
    directory,
    'streams',
    `import { writeSync } from 'node:fs';
     import { Socket } from 'node:net';
     import { createGuestOutput, openGuestInput } from './ui/guest-streams.ts';
     const [what, ...args] = process.argv.slice(2);
     const say = (text) => process.stderr.write(text + '\\n');
     const works = {
       async big() {
         const out = createGuestOutput(1);
         let ticks = 0;
         const timer = setInterval(() => { ticks++; say('tick ' + ticks); }, 20);
         for (let count = 0; count < 20; count++) await out.write(Buffer.alloc(50_000, 65 + count));
         clearInterval(timer);
         say('done');
       },
       async nonblocking() {
         new Socket({ fd: 1, readable: false, writable: true }); // It sets O_NONBLOCK.
         try { for (;;) writeSync(1, Buffer.alloc(50_000, 65)); } catch (error) { say(error.code); }
         await works.big();
       },
       async order() {
         const out = createGuestOutput(1);
         const writes = [];
         for (let count = 0; count < 500; count++) writes.push(out.write(Buffer.from(count + '\\n')));
         await Promise.all(writes);
       },
       async full() {
         const out = createGuestOutput(1);
         await out.write(Buffer.from('x')).catch((error) => say(error.code));
       },
       async two() {
         await createGuestOutput(1).write(Buffer.from([0, 255, 10, 128]));
         await createGuestOutput(2).write(Buffer.from('to stderr'));
       },
       async input() {
         const stdin = openGuestInput();
         if (stdin === undefined) return say('no input');
         let size = 0;
         for await (const chunk of stdin) size += chunk.length;
         say('input of ' + size);
       },
       async unread() {
         say(openGuestInput() === undefined ? 'no input' : 'an input');
       },
     };
     await works[what](...args);`,
  );
  return () => rmSync(directory, { recursive: true, force: true });
});

const node = (what: string): string[] => [process.execPath, script(), what];

describe('output', () => {
  test('is passed byte for byte, to the right stream', async () => {
    const child = spawn(process.execPath, [script(), 'two'], { stdio: ['ignore', 'pipe', 'pipe'] });
    const [out, err] = await Promise.all(
      [child.stdout, child.stderr].map(async (stream) => Buffer.concat(await stream.toArray())),
    );
    expect(out).toEqual(Buffer.from([0, 255, 10, 128]));
    expect(String(err)).toBe('to stderr');
  });

  test('keeps the order of writes that are not awaited', async () => {
    const { stdout } = await run(node('order'), {});
    expect(stdout).toBe(Array.from({ length: 500 }, (_, index) => `${index}\n`).join(''));
  });

  test('a reader that pauses stops no timer, and gets everything when it continues', async () => {
    const child = spawn(process.execPath, [script(), 'big'], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk) => {
      said += chunk;
    });
    // Nothing reads stdout: 64 KiB of the megabyte fit into the pipe.
    while (!said.includes('tick 5\n')) await once(child.stderr, 'data');
    expect(said).not.toContain('done');
    const output = Buffer.concat(await child.stdout.toArray());
    expect(output.length).toBe(1_000_000);
    const blocks = Array.from({ length: 20 }, (_, index) => Buffer.alloc(50_000, 65 + index));
    expect(output.equals(Buffer.concat(blocks))).toBe(true);
    if (child.exitCode === null) await once(child, 'exit');
    expect(said).toContain('done');
  });

  test('a reader that has gone does not stop the run', async () => {
    const { stdout, stderr } = await run(
      ['bash', '-c', '"$1" "$2" big | head -c 3; echo " ${PIPESTATUS[0]}"', 'bash', ...node('')],
      {},
    );
    expect(stdout).toBe('AAA 0\n');
    expect(stderr).toContain('done');
  });

  test('a non-blocking pipe, as other programs may leave it, gets everything, too', async () => {
    const errors = join(makeTemporaryDirectory(), 'errors');
    // The pipe is full before anything is read.
    const script = `: > "$4"; "$1" "$2" nonblocking 2> "$4" | {
      until [[ -s $4 ]]; do sleep 0.1; done; sleep 0.5; wc -c
    }; cat "$4" >&2`;
    const { stdout, stderr } = await run(['bash', '-c', script, 'bash', ...node(''), errors], {});
    expect({ stdout: stdout.trim(), stderr }).toEqual({
      stdout: expect.stringMatching(/^1\d{6}$/),
      stderr: expect.stringMatching(/^EAGAIN\n(tick \d+\n)+done\n$/),
    });
  });

  test('reports a full disk', async () => {
    const { stderr } = await run(
      ['bash', '-c', '"$1" "$2" full > /dev/full', 'bash', ...node('')],
      {},
    );
    expect(stderr).toBe('ENOSPC\n');
  });
});

describe('input', () => {
  const inputOf = async (redirection: string, cwd?: string): Promise<string> => {
    const { stderr } = await run(
      ['bash', '-c', redirection.replace('RUN', '"$1" "$2" input'), 'bash', ...node('')],
      cwd === undefined ? {} : { cwd },
    );
    return stderr.trim();
  };

  test.each([
    ['a pipe', 'printf hello | RUN', 'input of 5'],
    ['an empty pipe', ': | RUN', 'input of 0'],
    ['a file', 'RUN < file', 'input of 7'],
    ['an empty file', 'RUN < empty', 'input of 0'],
    ['a here-document', 'RUN <<< text', 'input of 5'],
    ['zeros', 'head -c 100000 /dev/zero | RUN', 'input of 100000'],
    ['/dev/null', 'RUN < /dev/null', 'no input'],
    ['nothing: it is closed', 'RUN <&-', 'no input'],
  ])('%s', async (_, redirection, expected) => {
    const directory = makeTemporaryDirectory();
    writeFiles(directory, { file: 'content', empty: '' });
    expect(await inputOf(redirection, directory)).toBe(expected);
  });

  test('a terminal is not passed to the guest', async () => {
    const command = `'${process.execPath}' '${script()}' input`;
    const { stdout } = await run(['script', '-qec', command, '/dev/null'], {
      env: { PATH: process.env.PATH ?? '', SHELL: '/bin/sh' },
    });
    expect(stdout.trim()).toBe('no input');
  });

  test('an input that nothing reads does not keep rapido from ending', async () => {
    const fifo = join(makeTemporaryDirectory(), 'fifo');
    // The shell keeps the other end open, so the input does not end.
    const { stderr } = await run(
      [
        'bash',
        '-c',
        'mkfifo "$3"; "$1" "$2" unread 0<> "$3"',
        'bash',
        process.execPath,
        script(),
        fifo,
      ],
      {},
    );
    expect(stderr).toBe('an input\n');
  });
});
