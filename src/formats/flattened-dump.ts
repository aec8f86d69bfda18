import { type FileHandle, open } from 'node:fs/promises';

/*
 * The flattened format of makedumpfile(8), in which QEMU writes a kdump: for a pipe, on which a writer cannot seek. A
 * header of one page, then records: two big-endian 64-bit numbers, the offset and the size of the data after them, both
 * -1 after the last one. drgn does not read it. Described in IMPLEMENTATION of makedumpfile, section "flattened format".
 */

const SIGNATURE = 'makedumpfile';
const HEADER_BYTES = 4096;
const RECORD_BYTES = 16;
const END = -1n;

/** How much is read at once, in bytes. */
const CHUNK = 4 * 1024 * 1024;

export async function isFlattened(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(16), 0, 16, 0);
    return bytesRead === 16 && buffer.toString('latin1').startsWith(`${SIGNATURE}\0`);
  } finally {
    await file.close();
  }
}

/**
 * Writes the contents of a flattened dump to an existing empty file.
 * @throws Error if the dump is incomplete
 */
export async function unflatten(from: string, to: string): Promise<void> {
  const source = await open(from);
  try {
    const target = await open(to, 'r+');
    try {
      await copyRecords(source, target);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

async function copyRecords(source: FileHandle, target: FileHandle): Promise<void> {
  const reader = createReader(source);
  for (;;) {
    const record = await reader.take(RECORD_BYTES);
    const [offset, size] = [record.readBigInt64BE(0), record.readBigInt64BE(8)];
    if (offset === END && size === END) return;
    if (offset < 0n || size < 0n) throw new Error('the dump has an invalid record');
    await writeAll(target, await reader.take(Number(size)), Number(offset));
  }
}

/** Reads the file after its header, in large pieces. */
function createReader(source: FileHandle): { take: (bytes: number) => Promise<Buffer> } {
  let held: Buffer = Buffer.alloc(0);
  let position = HEADER_BYTES;
  return {
    take: async (bytes) => {
      while (held.length < bytes) {
        const chunk = Buffer.allocUnsafe(Math.max(CHUNK, bytes));
        const { bytesRead } = await source.read(chunk, 0, chunk.length, position);
        if (bytesRead === 0) throw new Error('the dump is incomplete');
        position += bytesRead;
        held = Buffer.concat([held, chunk.subarray(0, bytesRead)]);
      }
      const taken = held.subarray(0, bytes);
      held = held.subarray(bytes);
      return taken;
    },
  };
}

async function writeAll(target: FileHandle, data: Buffer, offset: number): Promise<void> {
  for (let done = 0; done < data.length; ) {
    const { bytesWritten } = await target.write(data, done, data.length - done, offset + done);
    done += bytesWritten;
  }
}
