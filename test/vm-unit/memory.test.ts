import { describe, expect, test } from 'vitest';
import { memoryNeeded } from '../../src/vm/memory.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const TO_UNPACK = 256 * MIB;

describe('the memory that an image needs', () => {
  test('is what the cut asks for, or what unpacking it takes', () => {
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

  test('is less where a disk takes the place of one', () => {
    const zram = { TEST_DEV: GIB, SCRATCH_DEV: GIB };
    const disks = [{ serial: 'TEST_DEV' }, { serial: 'disk2' }];
    expect(memoryNeeded({ memory: 2 * GIB, zram }, TO_UNPACK, disks)).toBe(3 * GIB);
  });
});
