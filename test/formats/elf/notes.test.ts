import { expect, test } from 'vitest';
import { findElfNote } from '../../../src/formats/elf/notes.ts';
import { makePvhGuest } from '../../support/pvh-guest.ts';
import { buildElf } from './elf-builder.ts';

const guest = makePvhGuest('hello');

test('finds a note by its owner and type', () => {
  const entry = findElfNote(guest, 'Xen', 18);
  expect(entry?.length).toBe(4);
  // It leads into the only segment, behind the headers.
  expect(entry?.readUInt32LE(0)).toBeGreaterThan(0x100000);
});

test('finds no note of another owner or type, or in a file without notes', () => {
  expect(findElfNote(guest, 'Xen', 17)).toBeUndefined();
  expect(findElfNote(guest, 'GNU', 18)).toBeUndefined();
  expect(findElfNote(buildElf(), 'Xen', 18)).toBeUndefined();
});

test('finds nothing in a file that is not ELF or is truncated', () => {
  expect(findElfNote(Buffer.from('#!/bin/sh\n'), 'Xen', 18)).toBeUndefined();
  for (let length = 0; length < 130; length++) {
    expect(findElfNote(guest.subarray(0, length), 'Xen', 18)).toBeUndefined();
  }
});
