import { open } from 'node:fs/promises';

/** What the header of a kdump says about the kernel. */
export interface KernelNames {
  hostname: string;
  /** As printed by `uname -r`. */
  release: string;
}

const SIGNATURE = 'KDUMP   ';

/** `struct new_utsname` after the signature and a 32-bit version (`struct disk_dump_header` of makedumpfile). */
const UTSNAME = 12;
const NAME_BYTES = 65;
const FIELDS = { sysname: 0, nodename: 1, release: 2, version: 3 } as const;

/**
 * Adds the names of the kernel, of which QEMU writes only the architecture. Without them, libkdumpfile, and so drgn,
 * does not believe that architecture. Other files, and other names, stay as they are.
 */
export async function nameKernel(path: string, { hostname, release }: KernelNames): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const header = Buffer.alloc(UTSNAME + 6 * NAME_BYTES);
    await file.read(header, 0, header.length, 0);
    if (!header.toString('latin1').startsWith(SIGNATURE) || header[UTSNAME] !== 0) return;
    const names = { sysname: 'Linux', nodename: hostname, release, version: 'unknown' };
    for (const [field, index] of Object.entries(FIELDS)) {
      const name = Buffer.from(names[field as keyof typeof names]).subarray(0, NAME_BYTES - 1);
      await file.write(name, 0, name.length, UTSNAME + index * NAME_BYTES);
    }
  } finally {
    await file.close();
  }
}
