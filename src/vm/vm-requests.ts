import { createServer, type Socket } from 'node:net';
import { errorCode, UserError } from '../errors.ts';
import { within } from '../sys/awake-clock.ts';
import { withPrivateUmask } from '../sys/umask.ts';
import type { CommandSockets } from './guest-commands.ts';
import type { StopOutcome } from './live-vm.ts';
import type { Terminal } from './plan.ts';

/**
 * What another process may ask of the rapido that watches a VM, over a Unix socket in the registry:
 * one JSON object on the first line. Answers are JSON objects, a line each, but for a console, which
 * is bytes both ways once it has been granted.
 */
export type VmRequest =
  /**
   * `words` in base64: they may be any bytes. Each line that follows is the name of a signal for it,
   * `size ROWS COLUMNS` of its terminal, or, once it has ended, `end WORD`: its output is to end with the mark
   * that is made of that word.
   */
  | { request: 'exec'; words: string[]; sockets: CommandSockets; terminal?: Terminal | undefined }
  | { request: 'console' }
  /** Of the terminal that shows the console. */
  | { request: 'size'; rows: number; columns: number }
  | { request: 'stop' };

export type VmAnswer =
  | { answer: 'started' }
  /** Whether the command has the terminal that was asked for, or pipes. */
  | { answer: 'terminal'; made: boolean }
  /** undefined: the VM ended before the command did. */
  | { answer: 'ended'; status: number | undefined }
  /** The bytes of the console follow. */
  | { answer: 'granted' }
  | { answer: 'stopped'; how: StopOutcome }
  | { answer: 'refused'; reason: string; hint?: string | undefined };

/** One connection of somebody who asks, whose first line has been read. */
export interface Asker {
  socket: Socket;
  /** What came behind the first line. */
  rest: Buffer;
  answer: (answer: VmAnswer) => void;
}

/** Deals with one request; a UserError that it throws is the answer. */
export type RequestHandler = (request: VmRequest, asker: Asker) => Promise<void> | void;

export interface RequestServer {
  /** Whoever is still connected gets an answer, and the end. */
  close: () => Promise<void>;
}

/** How long the last answers may take, in milliseconds: who asked may have stopped listening. */
const LAST_WORDS = 1000;

/** Longest first line, in bytes: a command may have 100 kB of arguments and more. */
const LONGEST_REQUEST = 16 * 1024 * 1024;

/**
 * Serves requests at a socket until it is closed. Only this user can connect to it; the directory may be
 * one that others write to, too, if it is sticky.
 */
export async function serveRequests(path: string, handle: RequestHandler): Promise<RequestServer> {
  const sockets = new Set<Socket>();
  const pending = new Set<Promise<void>>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    const deal = async (line: string, rest: Buffer): Promise<void> => {
      const answer: Asker['answer'] = (answer) => {
        if (socket.writable) socket.write(`${JSON.stringify(answer)}\n`);
      };
      try {
        await handle(JSON.parse(line), { socket, rest, answer });
      } catch (error) {
        if (!(error instanceof UserError) && !(error instanceof SyntaxError)) throw error;
        const hint = error instanceof UserError ? error.hint : undefined;
        answer({ answer: 'refused', reason: error.message, hint });
        socket.destroySoon();
      }
    };
    readFirstLine(socket, (line, rest) => {
      const dealing = deal(line, rest);
      pending.add(dealing);
      dealing.finally(() => pending.delete(dealing));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(
        errorCode(error) === 'EADDRINUSE'
          ? new UserError(`${path} is there already, and is not of a VM that runs`, {
              hint: `rm ${path}`,
            })
          : error,
      );
    });
    withPrivateUmask(() => server.listen(path, resolve));
  });
  return {
    close: async () => {
      server.close();
      await within(LAST_WORDS, Promise.all(pending), undefined, { ref: false });
      for (const socket of sockets) socket.destroySoon();
    },
  };
}

/** Calls `onLine` once; nothing more is read after that. */
function readFirstLine(socket: Socket, onLine: (line: string, rest: Buffer) => void): void {
  const parts: Buffer[] = [];
  let length = 0;
  const onData = (chunk: Buffer): void => {
    const end = chunk.indexOf(0x0a);
    length += chunk.length;
    if (end === -1) {
      parts.push(chunk);
      if (length > LONGEST_REQUEST) socket.destroy();
      return;
    }
    socket.off('data', onData);
    socket.pause();
    onLine(
      Buffer.concat([...parts, chunk.subarray(0, end)]).toString('utf8'),
      chunk.subarray(end + 1),
    );
  };
  socket.on('data', onData);
}
