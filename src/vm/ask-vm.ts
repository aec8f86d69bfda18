import { once } from 'node:events';
import type { Socket } from 'node:net';
import { errorCode, UserError } from '../errors.ts';
import { parseJson } from '../sys/json.ts';
import { connectToOwn } from '../sys/own-socket.ts';
import type { VmEntry } from './registry.ts';
import { type VmAnswer, type VmRequest, vmAnswer } from './vm-requests.ts';

/** A connection to the rapido that watches a VM. */
export interface VmConnection {
  socket: Socket;
  /**
   * Waits for the next answer; undefined: the connection was closed.
   * @throws UserError if the request is rejected, or the answer is not known
   */
  nextAnswer: () => Promise<VmAnswer | undefined>;
  /** The bytes that arrived after the last answer. */
  rest: () => Buffer;
}

/**
 * Sends a request to the rapido that watches a VM.
 * @throws UserError if it cannot be reached
 */
export async function askVm(vm: VmEntry, request: VmRequest): Promise<VmConnection> {
  const path = vm.requestSocket;
  if (path === undefined) {
    throw new UserError(`VM ${vm.number} belongs to a test (rapido run) and accepts no requests`, {
      hint: `rapido stop ${vm.number} interrupts the test`,
    });
  }
  const socket = await connect(path).catch((cause) => {
    throw cause instanceof UserError ? cause : explain(vm, cause);
  });
  socket.on('error', () => socket.destroy());
  socket.write(`${JSON.stringify(request)}\n`);
  return { socket, ...readAnswers(socket, vm) };
}

async function connect(path: string): Promise<Socket> {
  const socket = connectToOwn(path);
  await once(socket, 'connect');
  return socket;
}

function explain({ number }: VmEntry, cause: Error): UserError {
  const isGone = ['ENOENT', 'ECONNREFUSED'].includes(errorCode(cause) ?? '');
  return new UserError(
    isGone
      ? `VM ${number} is not accepting requests; it may still be starting`
      : `VM ${number} cannot be reached`,
    { cause, hint: 'rapido ps lists the running VMs' },
  );
}

/** Reads one line at a time; the bytes after it stay in `rest`. */
function readAnswers(socket: Socket, vm: VmEntry): Omit<VmConnection, 'socket'> {
  let held: Buffer = Buffer.alloc(0);
  const nextLine = (): Promise<string | undefined> =>
    new Promise((resolve) => {
      const finish = (line: string | undefined): void => {
        socket.off('data', onData);
        socket.off('close', onClose);
        socket.off('end', onClose);
        socket.pause();
        resolve(line);
      };
      const look = (): boolean => {
        const end = held.indexOf(0x0a);
        if (end === -1) return false;
        const line = held.toString('utf8', 0, end);
        held = held.subarray(end + 1);
        finish(line);
        return true;
      };
      const onData = (chunk: Buffer): void => {
        held = Buffer.concat([held, chunk]);
        look();
      };
      const onClose = (): void => finish(undefined);
      if (look()) return;
      socket.on('data', onData);
      socket.on('close', onClose);
      socket.on('end', onClose);
      socket.resume();
    });
  return {
    nextAnswer: async () => {
      const line = await nextLine();
      if (line === undefined) return undefined;
      const answer = parseJson(vmAnswer, line);
      if (answer === undefined) {
        throw new UserError(
          `VM ${vm.number}: its rapido process gave an answer that this rapido does not know`,
          { hint: 'use the version of rapido that started the VM' },
        );
      }
      if (answer.answer !== 'refused') return answer;
      throw new UserError(`VM ${vm.number}: ${answer.reason}`, {
        ...(answer.hint === undefined
          ? {}
          : { hint: answer.hint.replace(/\bN\b/, String(vm.number)) }),
      });
    },
    rest: () => held,
  };
}
