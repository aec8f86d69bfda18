import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { UsageError, UserError } from '../errors.ts';
import { RUN_EXIT } from '../results/verdict.ts';
import { createGuestOutput, openGuestInput } from '../ui/guest-streams.ts';
import type { Ui } from '../ui/terminal.ts';
import { type Asked, askVm } from '../vm/ask-vm.ts';
import { endMarkOf, makeWord } from '../vm/control-channel.ts';
import { listenToSignals } from '../vm/qemu-process.ts';
import { untilEndMark } from '../vm/until-end-mark.ts';
import type { GlobalOptions } from './context.ts';
import { findRunningVms, pickVm } from './running-vm.ts';

/**
 * `rapido exec N -- COMMAND`
 * @param words of the command, byte for byte
 * @returns its exit status
 */
export async function runExec(
  name: string,
  words: readonly Buffer[] | undefined,
  options: GlobalOptions,
  ui: Ui,
): Promise<number> {
  if (words === undefined || (words[0]?.length ?? 0) === 0) {
    throw new UsageError('there is no command after `--`', {
      hint: `rapido exec ${name} -- ls -l`,
    });
  }
  const { vms } = await findRunningVms(options, ui);
  const vm = pickVm(vms, name);
  // As ssh does: `exec 1 -- bash` takes what is typed, line by line.
  const input = openGuestInput({ mayBeTerminal: true });
  const streams = listenForStreams(dirname(vm.monitorSocket), input !== undefined);
  try {
    const asked = await askVm(vm, {
      request: 'exec',
      words: words.map((word) => word.toString('base64')),
      sockets: streams.sockets,
    });
    const started = await asked.hear();
    if (started?.answer !== 'started') throw new UserError(`VM ${vm.number} has gone`);
    const status = await carryStreams(asked, streams, input);
    if (status === undefined) ui.note(`rapido: VM ${vm.number} ended before the command did`);
    return status ?? RUN_EXIT.crash;
  } finally {
    streams.close();
  }
}

interface Streams {
  sockets: { stdin?: string | undefined; stdout: string; stderr: string };
  /** QEMU's end of each, once it has connected. */
  stdin: Promise<Socket> | undefined;
  stdout: Promise<Socket>;
  stderr: Promise<Socket>;
  close: () => void;
}

/** Sockets for the streams of a command, in a directory of their own in that of the registry. */
function listenForStreams(directory: string, hasInput: boolean): Streams {
  const own = mkdtempSync(join(directory, 'exec-'));
  const closers = [(): void => rmSync(own, { recursive: true, force: true })];
  const listen = (name: string): { path: string; socket: Promise<Socket> } => {
    const path = join(own, name);
    const server = createServer({ allowHalfOpen: true });
    const socket = new Promise<Socket>((resolve) => {
      server.once('connection', (connection) => {
        connection.on('error', () => connection.destroy());
        connection.pause();
        closers.push(() => connection.destroy());
        resolve(connection);
      });
    });
    server.listen(path);
    closers.push(() => server.close());
    return { path, socket };
  };
  const [stdout, stderr] = [listen('stdout'), listen('stderr')];
  const stdin = hasInput ? listen('stdin') : undefined;
  return {
    sockets: { stdin: stdin?.path, stdout: stdout.path, stderr: stderr.path },
    stdin: stdin?.socket,
    stdout: stdout.socket,
    stderr: stderr.socket,
    close: () => {
      for (const close of closers) close();
    },
  };
}

/**
 * Passes on what the command reads and writes, and signals; waits for its end.
 * @returns its exit status; undefined: the VM ended before it
 */
async function carryStreams(
  asked: Asked,
  streams: Streams,
  input: NodeJS.ReadableStream | undefined,
): Promise<number | undefined> {
  const outputs = [createGuestOutput(1), createGuestOutput(2)];
  let outputEnd: Buffer | undefined;
  const markNow = (): Buffer | undefined => outputEnd;
  let signalled = 0;
  const signals = listenToSignals((signal) => {
    signalled++;
    // The command may catch the first one; the second it cannot, and the third is ours.
    if (signalled > 2) asked.socket.destroy();
    else asked.socket.write(signalled === 1 ? `${signal.replace('SIG', '')}\n` : 'KILL\n');
  });
  try {
    // Resolves at the mark: the stream itself goes on as long as the port is there.
    const carry = (stream: Promise<Socket>, output = outputs[0]): Promise<boolean> =>
      new Promise((resolve, reject) => {
        const write = async (chunk: Buffer): Promise<void> => output?.write(chunk);
        stream
          .then((socket) => untilEndMark(socket, markNow, write, () => resolve(true)))
          .then(resolve, reject);
      });
    const wholes = [carry(streams.stdout), carry(streams.stderr, outputs[1])];
    const port = await streams.stdin;
    if (port !== undefined) input?.pipe(port);
    const ended = await asked.hear();
    const status = ended?.answer === 'ended' ? ended.status : undefined;
    if (signalled > 2) return RUN_EXIT.interrupted;
    if (status === undefined) return undefined;
    const word = makeWord();
    outputEnd = endMarkOf(word);
    asked.socket.write(`end ${word}\n`);
    const isWhole = await Promise.all(wholes);
    if (!isWhole.every(Boolean)) throw new UserError("some of the command's output was lost");
    return status;
  } finally {
    signals.stop();
    // Only now its rapido takes the ports away.
    asked.socket.destroy();
    if (input !== undefined) process.stdin.destroy();
    for (const output of outputs) output.close();
  }
}
