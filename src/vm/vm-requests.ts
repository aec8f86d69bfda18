import { createServer, type Socket } from 'node:net';
import * as z from 'zod/mini';
import { errorCode, UserError } from '../errors.ts';
import { within } from '../sys/awake-clock.ts';
import { orAbsent, parseJson } from '../sys/json.ts';
import { withPrivateUmask } from '../sys/umask.ts';
import type { CommandSockets } from './guest-commands.ts';
import type { Terminal } from './plan.ts';
import type { StopEnding } from './running-vm.ts';

const sockets: z.ZodMiniType<CommandSockets> = z.object({
  stdin: z.optional(z.string()),
  stdout: z.string(),
  stderr: z.string(),
});

const terminal: z.ZodMiniType<Terminal> = z.object({
  rows: z.int(),
  columns: z.int(),
  type: orAbsent(z.string()),
});

const vmRequest = z.discriminatedUnion('request', [
  /**
   * `words` are in base64, because they may be any bytes. Each line that follows is the name of a signal for the
   * command, `size ROWS COLUMNS` of its terminal, or, after it has ended, `end WORD`, which requests the end mark made
   * of that word in its output.
   */
  z.object({
    request: z.literal('exec'),
    words: z.array(z.base64()),
    sockets,
    terminal: z.optional(terminal),
  }),
  z.object({ request: z.literal('console') }),
  /** The size of the terminal that shows the console. */
  z.object({ request: z.literal('size'), rows: z.int(), columns: z.int() }),
  z.object({ request: z.literal('stop') }),
]);

/**
 * A request of another process to the rapido that watches a VM, over a Unix socket in the registry: one JSON object
 * on the first line. Answers are JSON objects, one per line. After `granted`, the connection carries the bytes of the
 * console in both directions.
 */
export type VmRequest = z.infer<typeof vmRequest>;

const stopEnding: z.ZodMiniType<StopEnding> = z.enum(['powered-off', 'forced']);

export const vmAnswer = z.discriminatedUnion('answer', [
  z.object({ answer: z.literal('started') }),
  /** Whether the command has the requested terminal, or pipes. */
  z.object({ answer: z.literal('terminal'), made: z.boolean() }),
  /** undefined: the VM ended before the command did. */
  z.object({ answer: z.literal('ended'), status: orAbsent(z.int()) }),
  /** The bytes of the console follow. */
  z.object({ answer: z.literal('granted') }),
  z.object({ answer: z.literal('stopped'), how: stopEnding }),
  z.object({
    answer: z.literal('refused'),
    reason: z.string(),
    hint: z.optional(z.string()),
  }),
]);

export type VmAnswer = z.infer<typeof vmAnswer>;

/** A connection of a client whose first line has been read. */
export interface Client {
  socket: Socket;
  /** The bytes after the first line. */
  rest: Buffer;
  answer: (answer: VmAnswer) => void;
}

/** Handles one request. A UserError that it throws is sent as the answer. */
export type RequestHandler = (request: VmRequest, client: Client) => Promise<void> | void;

export interface RequestServer {
  /** Sends the pending answers and closes all connections. */
  close: () => Promise<void>;
}

/** How long the last answers may take on closing, in milliseconds: a client may have stopped reading. */
const CLOSE_GRACE = 1000;

/** The longest first line, in bytes: a command may have more than 100 kB of arguments. */
const LONGEST_REQUEST = 16 * 1024 * 1024;

/**
 * Serves requests on a socket until it is closed. Only this user can connect to it. The directory may be writable by
 * other users if it has the sticky bit.
 */
export async function serveRequests(path: string, handle: RequestHandler): Promise<RequestServer> {
  const sockets = new Set<Socket>();
  const pending = new Set<Promise<void>>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    const handleLine = async (line: string, rest: Buffer): Promise<void> => {
      const answer: Client['answer'] = (answer) => {
        if (socket.writable) socket.write(`${JSON.stringify(answer)}\n`);
      };
      try {
        await handle(readRequest(line), { socket, rest, answer });
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        answer({ answer: 'refused', reason: error.message, hint: error.hint });
        socket.destroySoon();
      }
    };
    readFirstLine(socket, (line, rest) => {
      const handling = handleLine(line, rest);
      pending.add(handling);
      handling.finally(() => pending.delete(handling));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(
        errorCode(error) === 'EADDRINUSE'
          ? new UserError(`${path} already exists, and does not belong to a running VM`, {
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
      await within(CLOSE_GRACE, Promise.all(pending), undefined, { ref: false });
      for (const socket of sockets) socket.destroySoon();
    },
  };
}

/** @throws UserError if it is not a request: the client may be a newer rapido */
function readRequest(line: string): VmRequest {
  const request = parseJson(vmRequest, line);
  if (request !== undefined) return request;
  throw new UserError('the rapido process of this VM does not support this request');
}

/** Calls `onLine` once, and then stops reading. */
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
