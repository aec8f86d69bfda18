import { closeSync, openSync, renameSync, rmSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod/mini';
import { errorCode, UserError } from '../errors.ts';
import { isFlattened, unflatten } from '../formats/flattened-dump.ts';
import { type KernelNames, nameKernel } from '../formats/kdump-header.ts';
import { temporaryNameFor } from '../sys/temporary.ts';
import { formatBytes } from '../ui/format.ts';
import { DUMP_FORMATS, type DumpFormat } from './dump-formats.ts';
import type { Qmp, QmpAnswer } from './qmp.ts';

export interface DumpRequest {
  /** Absolute path of the file, which does not exist. */
  path: string;
  names: KernelNames;
  /** undefined: `kdump-zlib`, or `elf` if QEMU was built without it. */
  format?: DumpFormat | undefined;
  /** Called before the first byte is written. */
  onStart?: (dump: { format: DumpFormat; memory: number }) => void;
  /** Called with the share that is written, a multiple of 0.1, when it has grown. */
  onProgress?: ((share: number) => void) | undefined;
}

export interface Dump {
  format: DumpFormat;
  /** Size of the file, in bytes. */
  size: number;
}

const capability = z.object({ formats: z.array(z.string()) });
const memorySize = z.object({
  'base-memory': z.number(),
  'plugged-memory': z._default(z.number(), 0),
});
const progress = z.object({ status: z.string(), completed: z.number(), total: z.number() });

/** How often the progress is queried, in milliseconds. */
const BEAT = 250;

/** How long QEMU may take to answer, in milliseconds. It writes the dump in a thread of its own. */
const PATIENCE = 20_000;

/**
 * Writes the memory of the guest to a file. QEMU stops the VM meanwhile; the guest need not respond. The file has its
 * name only once it is complete.
 * @throws UserError if the disk is full, or the VM ends before the dump is complete
 */
export async function dumpMemory(qmp: Qmp, request: DumpRequest): Promise<Dump> {
  const { path } = request;
  const { formats } = await query(qmp, CAPABILITY, capability);
  const format = chooseFormat(request.format, formats);
  const size = await query(qmp, 'query-memory-size-summary', memorySize);
  const memory = size['base-memory'] + size['plugged-memory'];
  if (format === 'elf') refuseSmallDisk(path, memory);
  request.onStart?.({ format, memory });
  const [temporary, plain] = [temporaryNameFor(path), temporaryNameFor(path)];
  // Since QEMU 8.2, which can write a kdump that is not flattened.
  const isRaw = format === 'kdump-zlib' && formats.includes(RAW_KDUMP);
  try {
    createOwn(temporary);
    await writeDump(qmp, temporary, isRaw ? RAW_KDUMP : format, request.onProgress);
    const isFlat = await isFlattened(temporary);
    if (isFlat) {
      createOwn(plain);
      await unflatten(temporary, plain);
    }
    const whole = isFlat ? plain : temporary;
    await nameKernel(whole, request.names);
    renameSync(whole, path);
  } catch (error) {
    throw explainFullDisk(path, error);
  } finally {
    rmSync(temporary, { force: true });
    rmSync(plain, { force: true });
  }
  return { format, size: statSync(path).size };
}

const CAPABILITY = 'query-dump-guest-memory-capability';

const RAW_KDUMP = 'kdump-raw-zlib';

/** QEMU would follow a link that another user has created. */
function createOwn(path: string): void {
  closeSync(openSync(path, 'wx', 0o600));
}

function chooseFormat(wanted: DumpFormat | undefined, formats: readonly string[]): DumpFormat {
  const chosen = wanted ?? DUMP_FORMATS.find((format) => formats.includes(format));
  if (chosen !== undefined && formats.includes(chosen)) return chosen;
  throw new UserError(`this QEMU cannot write dumps in the format ${wanted ?? DUMP_FORMATS[0]}`, {
    hint: `it can write ${formats.join(', ') || 'none'}`,
  });
}

async function writeDump(
  qmp: Qmp,
  path: string,
  format: string,
  onProgress: DumpRequest['onProgress'],
): Promise<void> {
  let failure: string | undefined;
  let shown = 0;
  const stopListening = qmp.onEvent(({ event, data }) => {
    if (event === 'DUMP_COMPLETED') failure ??= data?.error;
  });
  try {
    const protocol = `file:${path}`;
    const options = { paging: false, protocol, format, detach: true };
    resultOf(
      await qmp.ask('dump-guest-memory', { arguments: options, timeout: PATIENCE }),
      'dump-guest-memory',
    );
    for (;;) {
      await sleep(BEAT);
      const { status, completed, total } = await query(qmp, 'query-dump', progress);
      if (status === 'completed') return;
      if (status !== 'active') throw new UserError(`the dump failed: ${failure ?? status}`);
      const tenths = Math.floor((10 * completed) / Math.max(total, 1));
      if (tenths > shown) onProgress?.(tenths / 10);
      shown = Math.max(tenths, shown);
    }
  } finally {
    stopListening();
  }
}

async function query<Schema extends z.ZodMiniType>(
  qmp: Qmp,
  command: string,
  schema: Schema,
): Promise<z.infer<Schema>> {
  const answer = resultOf(await qmp.ask(command, { timeout: PATIENCE }), command);
  const { data } = z.safeParse(schema, answer);
  if (data === undefined) throw new UserError(`QEMU gave an unknown answer to ${command}`);
  return data;
}

function resultOf(answer: QmpAnswer | undefined, command: string): unknown {
  if (answer === undefined) throw new UserError('the VM ended before its dump was complete');
  if ('value' in answer) return answer.value;
  throw new UserError(`QEMU refuses ${command}: ${answer.error}`);
}

/** What an ordinary user can write there, in bytes. */
function freeSpace(path: string): number {
  const { bavail, bsize } = statfsSync(dirname(path));
  return bavail * bsize;
}

/** An ELF file is as large as the memory. */
function refuseSmallDisk(path: string, memory: number): void {
  const free = freeSpace(path);
  if (free >= memory) return;
  throw new UserError(
    `${path}: the dump needs ${formatBytes(memory)}, and ${formatBytes(free)} are free there`,
    { hint: 'write it to another directory, or in the format kdump-zlib, which is compressed' },
  );
}

/** A filesystem with less free space than this is full. */
const FULL = 1024 * 1024;

/** QEMU does not say that the disk is full, so look while the incomplete file is still there. */
function explainFullDisk(path: string, cause: unknown): unknown {
  const isFull = errorCode(cause) === 'ENOSPC' || freeSpace(path) < FULL;
  if (!isFull) return cause;
  return new UserError(`${path}: no space left on the device for the dump`, {
    cause,
    hint: 'write it to another directory',
  });
}
