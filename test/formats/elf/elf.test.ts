import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseElf, parseShebang } from '../../../src/formats/elf/elf.ts';
import { isElf } from '../../../src/formats/elf/headers.ts';
import { buildElf } from './elf-builder.ts';

const name = fc.string({ unit: fc.constantFrom(...'abc.+-/$'), minLength: 1, maxLength: 40 });
const directories = fc.array(name, { maxLength: 3 });

const elfFile = fc.record({
  class: fc.constantFrom(32 as const, 64 as const),
  endian: fc.constantFrom('little' as const, 'big' as const),
  machine: fc.nat(300),
  type: fc.constantFrom(1, 2, 3, 4),
  interpreter: fc.option(name, { nil: undefined }),
  needed: fc.array(name, { maxLength: 20 }),
  rpath: directories,
  runpath: directories,
  soname: fc.option(name, { nil: undefined }),
  noDefaultLibraries: fc.boolean(),
});

describe('an ELF file', () => {
  test('is read as it was made: 32 and 64 bit, little and big endian', () => {
    fc.assert(
      fc.property(elfFile, (elf) => {
        expect(parseElf(buildElf(elf))).toEqual(elf);
      }),
    );
  });

  test('is read in a few bounded reads', () => {
    const file = buildElf({ interpreter: '/lib/ld.so', needed: ['libc.so.6'], soname: 'x' });
    const reads: number[] = [];
    parseElf((offset, length) => {
      reads.push(length);
      return file.subarray(offset, offset + length);
    });
    expect(reads.length).toBeLessThan(12);
    expect(Math.max(...reads)).toBeLessThan(4096);
  });

  test('is rejected if it is truncated anywhere', () => {
    const whole = buildElf({ interpreter: '/lib/ld.so', needed: ['libc.so.6'], soname: 'libx.so' });
    for (let size = 0; size < whole.length; size += 1) {
      const cut = parseElf(whole.subarray(0, size));
      if (cut !== undefined) expect(cut).toEqual(parseElf(whole));
    }
    expect(parseElf(whole.subarray(0, 100))).toBeUndefined();
  });

  test('the running Node', () => {
    expect(parseElf(readFileSync(process.execPath))).toMatchObject({
      needed: expect.arrayContaining(['libc.so.6']),
      interpreter: expect.stringMatching(/^\/lib.*\/ld-/),
    });
  });
});

describe('bytes of any kind', () => {
  test('never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        parseElf(Buffer.from(bytes));
        parseElf(Buffer.concat([Buffer.from('\x7fELF\x02\x01', 'latin1'), bytes]));
        parseElf(Buffer.concat([Buffer.from('\x7fELF\x01\x02', 'latin1'), bytes]));
        parseShebang(Buffer.concat([Buffer.from('#!'), bytes]));
      }),
    );
  });

  test('never throw if they damage a valid file', () => {
    const patch = fc.tuple(fc.nat(400), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff));
    fc.assert(
      fc.property(elfFile, fc.array(patch, { maxLength: 12 }), (elf, patches) => {
        const file = buildElf(elf);
        for (const [at, value] of patches) if (at < file.length) file[at] = value;
        parseElf(file);
      }),
      { numRuns: 500 },
    );
  });

  test.each([[''], ['#!/bin/sh\n'], ['\x7fEL'], ['ELF\x7f'], ['\x7fELF']])(
    '%j is not an ELF file',
    (text) => {
      expect(parseElf(Buffer.from(text, 'latin1'))).toBeUndefined();
    },
  );

  test('only the magic number is checked before the rest is read', () => {
    expect(isElf(Buffer.from('\x7fELF', 'latin1'))).toBe(true);
    expect(isElf(Buffer.from('\x7fEL', 'latin1'))).toBe(false);
  });
});

describe('the first line of a script', () => {
  test.each([
    ['#!/bin/sh\necho', '/bin/sh', '/bin/sh'],
    ['#!/bin/bash -e', '/bin/bash', '/bin/bash'],
    ['#! \t/usr/bin/perl -w  \n', '/usr/bin/perl', '/usr/bin/perl'],
    ['#!/bin/sh\0rest', '/bin/sh', '/bin/sh'],
    ['#!/usr/bin/env python3\n', '/usr/bin/env', 'python3'],
    ['#!/usr/bin/env -S python3 -u\n', '/usr/bin/env', 'python3'],
    ['#!/usr/bin/env -Spython3 -u\n', '/usr/bin/env', 'python3'],
    ['#!/usr/bin/env -iS PATH=/bin LC_ALL=C perl -w\n', '/usr/bin/env', 'perl'],
    ['#!/usr/bin/env -S -u HOME --unset X bash\n', '/usr/bin/env', 'bash'],
    ['#!/usr/bin/env --split-string=awk -f\n', '/usr/bin/env', 'awk'],
    ['#!/usr/bin/env\n', '/usr/bin/env', '/usr/bin/env'],
  ])('%j starts %s, runs %s', (text, interpreter, program) => {
    expect(parseShebang(Buffer.from(text))).toMatchObject({ interpreter, program });
  });

  test('keeps everything after the interpreter as one argument, as the kernel does', () => {
    expect(parseShebang(Buffer.from('#!/bin/awk -f  x\n'))?.argument).toBe('-f  x');
    expect(parseShebang(Buffer.from('#!/bin/awk\n'))?.argument).toBeUndefined();
  });

  test.each([[''], ['#'], ['# !/bin/sh'], ['#!'], ['#!\n/bin/sh'], ['#!  \n']])(
    '%j has none',
    (text) => {
      expect(parseShebang(Buffer.from(text))).toBeUndefined();
    },
  );
});
