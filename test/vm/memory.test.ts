import { describe, expect, test } from 'vitest';
import { memoryNeeded, memoryToUnpack, shadowShareOf } from '../../src/vm/memory.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const TO_UNPACK = 256 * MIB;

describe('the memory that an image needs', () => {
  test('is what the cut requests, or what unpacking takes', () => {
    const none = { zram: {} };
    expect(memoryNeeded({ memory: 2 * GIB, ...none }, TO_UNPACK, [])).toBe(2 * GIB);
    expect(memoryNeeded({ memory: 64 * MIB, ...none }, TO_UNPACK, [])).toBe(TO_UNPACK);
    expect(memoryNeeded({ memory: undefined, ...none }, TO_UNPACK, [])).toBe(TO_UNPACK);
  });

  test('grows by its zram devices, as if nothing in them could be compressed', () => {
    const zram = { TEST_DEV: GIB, SCRATCH_DEV: 3 * GIB };
    expect(memoryNeeded({ memory: 2 * GIB, zram }, TO_UNPACK, [])).toBe(6 * GIB);
    expect(memoryNeeded({ memory: undefined, zram }, TO_UNPACK, [])).toBe(4 * GIB + 512 * MIB);
  });

  test('is less if a disk replaces one of them', () => {
    const zram = { TEST_DEV: GIB, SCRATCH_DEV: GIB };
    const disks = [{ serial: 'TEST_DEV' }, { serial: 'disk2' }];
    expect(memoryNeeded({ memory: 2 * GIB, zram }, TO_UNPACK, disks)).toBe(3 * GIB);
  });
});

describe('the memory to unpack an image', () => {
  const image = (mib: number) => ({ archive: mib * MIB, unpacked: mib * MIB });

  test.each([
    [10, 192],
    [30, 256],
    [100, 448],
    [300, 1088],
    [600, 1984],
    [1000, 3264],
  ])('is about three times %i MiB, and what the kernel itself takes: %i MiB', (mib, needed) => {
    expect(memoryToUnpack(image(mib)) / MIB).toBe(needed);
  });

  test('counts whole pages: a hundred thousand files of a few bytes take 400 MB', () => {
    const files = { archive: 20 * MIB, unpacked: 100_000 * 4096 };
    expect(memoryToUnpack(files) / MIB).toBe(960);
  });

  test('grows with what a kernel reserves to check accesses', () => {
    const plain = memoryToUnpack(image(300));
    expect(memoryToUnpack(image(300), 1 / 8)).toBeGreaterThan(1.1 * plain);
    expect(memoryToUnpack(image(300), 2 / 3)).toBeGreaterThan(3 * plain);
  });

  test.each([
    ['CONFIG_KASAN=y\nCONFIG_KASAN_GENERIC=y\n', 1 / 8],
    ['CONFIG_KASAN_SW_TAGS=y\n', 1 / 16],
    ['CONFIG_KASAN=y\nCONFIG_KASAN_HW_TAGS=y\n', 0],
    ['CONFIG_KMSAN=y\n', 2 / 3],
    ['# CONFIG_KASAN_GENERIC is not set\n', 0],
    [undefined, 0],
  ])('%j reserves %d', (config, share) => expect(shadowShareOf(config)).toBe(share));
});
