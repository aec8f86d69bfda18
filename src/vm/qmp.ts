import type { Duplex } from 'node:stream';
import * as z from 'zod/mini';
import { within } from '../sys/awake-clock.ts';
import { parseJson } from '../sys/json.ts';
import { readLines } from '../sys/lines.ts';

/** The part of the QEMU machine protocol (docs/interop/qmp-spec.rst) that rapido needs. */
export interface Qmp {
  /** @returns whether the command succeeded; false also if QEMU has ended or does not answer in time */
  execute: (command: string, options?: ExecuteOptions) => Promise<boolean>;
  /** @returns the answer; undefined if QEMU has ended or does not answer in time */
  ask: (command: string, options?: ExecuteOptions) => Promise<QmpAnswer | undefined>;
  /** `reason` of the SHUTDOWN event (RunState in qapi/run-state.json); undefined: none came. */
  shutdown: () => string | undefined;
  /** Whether a guest's write to a disk failed because the host's filesystem was full. */
  wasHostFull: () => boolean;
  /** Calls back with each event. @returns a function that ends this */
  onEvent: (listener: (event: QmpEvent) => void) => () => void;
  /** Resolves when QEMU has closed the monitor. */
  closed: Promise<void>;
}

interface ExecuteOptions {
  arguments?: Record<string, unknown>;
  /** In milliseconds. QEMU normally answers at once. */
  timeout?: number;
}

/** What QEMU returns, or why it refuses. */
export type QmpAnswer = { value: unknown } | { error: string };

/** STOP and RESUME of qapi/run-state.json: a debugger or a dump stops the VM, and it runs again. */
export interface QmpEvent {
  event: string;
  data: Message['data'];
}

/** The fields that rapido uses of an answer (`id`) or an event. */
const message = z.object({
  id: z.optional(z.int()),
  return: z.optional(z.unknown()),
  error: z.optional(z.object({ desc: z.optional(z.string()) })),
  event: z.optional(z.string()),
  data: z.optional(
    z.object({
      reason: z.optional(z.string()),
      nospace: z.optional(z.boolean()),
      error: z.optional(z.string()),
    }),
  ),
});

type Message = z.infer<typeof message>;

/**
 * Recognises BLOCK_IO_ERROR of qapi/block-core.json for ENOSPC. `nospace` is absent if QEMU is configured not to stop
 * the VM on errors; `reason` is from strerror(3).
 */
function reportsFullHost(said: Message | undefined): boolean {
  if (said?.event !== 'BLOCK_IO_ERROR') return false;
  const { data } = said;
  return data?.nospace === true || data?.reason === 'No space left on device';
}

export function openQmp(monitor: Duplex): Qmp {
  const waiting = new Map<number, (answer: QmpAnswer | undefined) => void>();
  let reason: string | undefined;
  let wasHostFull = false;
  const listeners = new Set<(event: QmpEvent) => void>();
  let lastId = 0;
  let isOpen = true;
  const closed = readLines(monitor, (line) => {
    // The last line may be incomplete if QEMU was killed.
    const said = parseJson(message, line);
    if (said?.event === 'SHUTDOWN') reason ??= said.data?.reason;
    if (reportsFullHost(said)) wasHostFull = true;
    if (said?.event !== undefined) {
      const { event, data } = said;
      for (const listener of listeners) listener({ event, data });
    }
    if (said?.id !== undefined) waiting.get(said.id)?.(answerOf(said));
  }).then(() => {
    isOpen = false;
    for (const answer of waiting.values()) answer(undefined);
  });
  const ask: Qmp['ask'] = async (command, options = {}) => {
    if (!isOpen) return undefined;
    const id = ++lastId;
    const answer = new Promise<QmpAnswer | undefined>((resolve) => waiting.set(id, resolve));
    if (monitor.writable) {
      monitor.write(`${JSON.stringify({ execute: command, arguments: options.arguments, id })}\n`);
    }
    const said = await within(options.timeout ?? 2000, answer, undefined, { ref: false });
    waiting.delete(id);
    return said;
  };
  const execute: Qmp['execute'] = async (command, options) => {
    const said = await ask(command, options);
    return said !== undefined && 'value' in said;
  };
  execute('qmp_capabilities', { timeout: 60_000 });
  return {
    execute,
    ask,
    shutdown: () => reason,
    wasHostFull: () => wasHostFull,
    onEvent: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    closed,
  };
}

function answerOf(said: Message): QmpAnswer {
  if ('return' in said) return { value: said.return };
  return { error: said.error?.desc ?? 'QEMU gave no reason' };
}
