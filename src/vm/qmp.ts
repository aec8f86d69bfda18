import type { Duplex } from 'node:stream';
import { within } from '../sys/awake-clock.ts';
import { readLines } from '../sys/lines.ts';

/** The part of the QEMU machine protocol (docs/interop/qmp-spec.rst) that rapido needs. */
export interface Qmp {
  /** @returns whether the command succeeded; false also if QEMU has ended or does not answer in time */
  execute: (command: string, options?: ExecuteOptions) => Promise<boolean>;
  /** `reason` of the SHUTDOWN event (RunState in qapi/run-state.json); undefined: none came. */
  shutdown: () => string | undefined;
  /** Whether a guest's write to a disk failed because the host's filesystem was full. */
  wasHostFull: () => boolean;
  /** Resolves when QEMU has closed the monitor. */
  closed: Promise<void>;
}

interface ExecuteOptions {
  arguments?: Record<string, unknown>;
  /** In milliseconds. QEMU normally answers at once. */
  timeout?: number;
}

interface Message {
  id?: number;
  return?: unknown;
  event?: string;
  data?: { reason?: string; nospace?: boolean };
}

/**
 * Recognises BLOCK_IO_ERROR of qapi/block-core.json for ENOSPC. `nospace` is absent if QEMU is configured not to stop
 * the VM on errors; `reason` is from strerror(3).
 */
function reportsFullHost(message: Message | undefined): boolean {
  if (message?.event !== 'BLOCK_IO_ERROR') return false;
  const { data } = message;
  return data?.nospace === true || data?.reason === 'No space left on device';
}

export function openQmp(monitor: Duplex): Qmp {
  const waiting = new Map<number, (isDone: boolean) => void>();
  let reason: string | undefined;
  let wasHostFull = false;
  let lastId = 0;
  let isOpen = true;
  const closed = readLines(monitor, (line) => {
    const message = parseMessage(line);
    if (message?.event === 'SHUTDOWN') reason ??= message.data?.reason;
    if (reportsFullHost(message)) wasHostFull = true;
    if (message?.id !== undefined) waiting.get(message.id)?.('return' in message);
  }).then(() => {
    isOpen = false;
    for (const answer of waiting.values()) answer(false);
  });
  const execute: Qmp['execute'] = async (command, options = {}) => {
    if (!isOpen) return false;
    const id = ++lastId;
    const answer = new Promise<boolean>((resolve) => waiting.set(id, resolve));
    if (monitor.writable) {
      monitor.write(`${JSON.stringify({ execute: command, arguments: options.arguments, id })}\n`);
    }
    const isDone = await within(options.timeout ?? 2000, answer, false, { ref: false });
    waiting.delete(id);
    return isDone;
  };
  execute('qmp_capabilities', { timeout: 60_000 });
  return { execute, shutdown: () => reason, wasHostFull: () => wasHostFull, closed };
}

/** QEMU writes one object per line. The last line may be incomplete if QEMU was killed. */
function parseMessage(line: string): Message | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
