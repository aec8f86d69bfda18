import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { architectureOf } from '../../src/host/architecture.ts';
import { findProgram, programSearchPath } from '../../src/host/programs.ts';
import { type UnpackedKernel, unpackKernel } from '../../src/vm/unpacked-kernel.ts';
import { makeBzImage } from '../support/bzimage.ts';
import { hostKernel } from '../support/kernel-tree.ts';
import { makePvhGuest } from '../support/pvh-guest.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';

const vmlinux = makePvhGuest('hello');

function pathOf(unpacked: UnpackedKernel): string {
  return 'path' in unpacked ? unpacked.path : `none: ${unpacked.reason}`;
}

function reasonOf(unpacked: UnpackedKernel): string {
  return 'reason' in unpacked ? unpacked.reason : `there is one: ${unpacked.path}`;
}

/** A cache, a bzImage, and the unpacked kernel. */
function setUp(image: Buffer) {
  const directory = makeTemporaryDirectory();
  const path = join(directory, 'bzImage');
  writeFileSync(path, image);
  const kernels = join(directory, 'kernels');
  return {
    image: path,
    unpack: () => unpackKernel(path, directory),
    kernels,
    kept: () => readdirSync(kernels),
  };
}

const has = (program: string): boolean =>
  findProgram(program, programSearchPath(process.env.PATH)) !== undefined;

describe('the vmlinux in a bzImage', () => {
  it('is unpacked once', async () => {
    const { unpack, kept } = setUp(makeBzImage({ payload: gzipSync(vmlinux) }));
    const path = pathOf(await unpack());
    expect(readFileSync(path)).toEqual(vmlinux);
    const made = statSync(path).ino;
    expect(pathOf(await unpack())).toBe(path);
    expect(statSync(path).ino).toBe(made);
    expect(kept()).toHaveLength(1);
  });

  it.for([
    ['xz', ['xz', '--check=crc32', '-c']],
    ['zstd', ['zstd', '-c']],
    ['bzip2', ['bzip2', '-c']],
    ['lz4', ['lz4', '-l', '-c']],
  ] as const)('is unpacked from any compression: %s', async ([program, argv], { skip }) => {
    if (!has(program)) return skip(`there is no ${program}`);
    const [file, ...args] = argv;
    const payload = execFileSync(file, args, { input: vmlinux });
    const { unpack } = setUp(makeBzImage({ payload, sizeBehind: vmlinux.length }));
    expect(readFileSync(pathOf(await unpack()))).toEqual(vmlinux);
  });

  it('is another one after the next build', async () => {
    const { image, unpack } = setUp(makeBzImage({ payload: gzipSync(vmlinux) }));
    const first = pathOf(await unpack());
    const next = makePvhGuest('hello again');
    writeFileSync(image, makeBzImage({ payload: gzipSync(next) }));
    const second = pathOf(await unpack());
    expect(second).not.toBe(first);
    expect(readFileSync(second)).toEqual(next);
  });

  it('is not used if it cannot be entered directly, which is checked once', async () => {
    const { unpack, kept, kernels } = setUp(
      makeBzImage({ payload: gzipSync('a kernel without CONFIG_PVH') }),
    );
    expect(reasonOf(await unpack())).toContain('no PVH entry (CONFIG_PVH)');
    const [name = ''] = kept();
    expect(statSync(join(kernels, name)).size).toBe(0);
    expect(reasonOf(await unpack())).toContain('no PVH entry (CONFIG_PVH)');
  });

  it.each<[string, Buffer, RegExp]>([
    ['no bzImage', Buffer.alloc(9999), /has no kernel payload in its header/],
    [
      'damaged',
      makeBzImage({ payload: Buffer.concat([gzipSync(vmlinux).subarray(0, 40), Buffer.alloc(9)]) }),
      /could not be unpacked/,
    ],
    [
      'of another size than it says',
      makeBzImage({ payload: execFileSync('xz', ['-c'], { input: vmlinux }), sizeBehind: 7 }),
      /unpacked to \d+ bytes, not to 7/,
    ],
  ])('is none, and nothing is left, where the image is %s', async (_, image, reason) => {
    const { unpack, kept } = setUp(image);
    expect(reasonOf(await unpack())).toMatch(reason);
    expect(kept()).toEqual([]);
  });

  it('replaces those of kernels that were not booted for the longest time', async () => {
    const { unpack, kernels, kept } = setUp(makeBzImage({ payload: gzipSync(vmlinux) }));
    mkdirSync(kernels);
    for (let age = 1; age <= 6; age++) {
      const path = join(kernels, `${age}-hours-old.vmlinux`);
      writeFileSync(path, '');
      const then = new Date(Date.now() - age * 3_600_000);
      utimesSync(path, then, then);
    }
    await unpack();
    expect(
      kept()
        .filter((name) => name.includes('hours'))
        .sort(),
    ).toEqual(['1-hours-old.vmlinux', '2-hours-old.vmlinux', '3-hours-old.vmlinux']);
  });

  it('is in the kernel that VM tests boot', async ({ skip }) => {
    const kernel = hostKernel();
    if (kernel === undefined) return skip('no kernel to boot');
    if (architectureOf(process.arch).name !== 'x86_64') return skip('only x86 kernels are packed');
    const path = pathOf(await unpackKernel(kernel.image, makeTemporaryDirectory()));
    expect(readFileSync(path).subarray(0, 4).toString('latin1')).toBe('\x7fELF');
  });
});
