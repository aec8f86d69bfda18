import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  encodeKmodIndex,
  type IndexEntry,
  isKmodIndex,
  searchKmodIndex,
} from '../../../src/formats/kmod/binary-index.ts';
import { matchesPattern } from '../../../src/formats/kmod/resolve.ts';

/** All entries of an index, parsed independently of the code under test. */
function readAll(file: Buffer): IndexEntry[] {
  const entries: IndexEntry[] = [];
  const visit = (flagged: number, before: string): void => {
    let at = flagged & 0x0fffffff;
    if (at === file.length) return;
    const text = (): string => {
      const start = at;
      while (file[at] !== 0) at += 1;
      at += 1;
      return file.toString('latin1', start, at - 1);
    };
    const key = before + (flagged & 0x80000000 ? text() : '');
    const below: [number, number][] = [];
    if (flagged & 0x20000000) {
      const [first, last] = [file[at]!, file[at + 1]!];
      at += 2;
      for (let code = first; code <= last; code += 1, at += 4) {
        if (file.readUInt32BE(at) !== 0) below.push([code, file.readUInt32BE(at)]);
      }
    }
    if (flagged & 0x40000000) {
      let left = file.readUInt32BE(at);
      for (at += 4; left > 0; left -= 1) {
        const priority = file.readUInt32BE(at);
        at += 4;
        entries.push({ key, value: text(), priority });
      }
    }
    for (const [code, offset] of below) visit(offset, key + String.fromCharCode(code));
  };
  visit(file.readUInt32BE(8), '');
  return entries;
}

const sorted = (entries: readonly IndexEntry[]): string[] =>
  entries.map(({ key, value, priority }) => `${key} ${priority} ${value}`).sort();

const text = (chars: string, minLength: number) =>
  fc.string({ unit: fc.constantFrom(...chars), minLength, maxLength: 6 });

const entries = (chars: string) =>
  fc.array(fc.record({ key: text(chars, 0), value: text('xyz', 0), priority: fc.nat(3) }));

test('an index of two keys', () => {
  const file = encodeKmodIndex([
    { key: 'xfs', value: 'a', priority: 1 },
    { key: 'xt', value: 'b', priority: 0 },
  ]);
  expect(file.toString('hex').replace(/(.{32})/g, '$1\n')).toMatchInlineSnapshot(`
    "b007f457000200012000006073000000
    00010000000161000000000100000000
    62006674c000000c0000000000000000
    00000000000000000000000000000000
    00000000000000000000000000000000
    00000000000000000000000040000018
    787820000022"
  `);
});

test('an empty index is a header', () => {
  expect(encodeKmodIndex([]).toString('hex')).toBe('b007f457000200010000000c');
});

describe('everything that is written', () => {
  test('is listed once under its key', () => {
    fc.assert(
      fc.property(entries('ab_*'), (written) => {
        expect(sorted(readAll(encodeKmodIndex(written)))).toEqual(sorted(written));
      }),
    );
  });

  test('is found by a search, with wildcards as in modules.alias', () => {
    fc.assert(
      fc.property(entries('ab*?'), text('ab', 1), (written, name) => {
        const found = [...searchKmodIndex(encodeKmodIndex(written), name)]
          .filter(({ key }) => matchesPattern(key, name))
          .map(({ key, value }) => `${key} ${value}`);
        const expected = written
          .filter(({ key }) => matchesPattern(key, name))
          .map(({ key, value }) => `${key} ${value}`);
        expect(found.sort()).toEqual(expected.sort());
      }),
    );
  });

  test('has the values of a key in order of priority', () => {
    fc.assert(
      fc.property(entries('ab'), (written) => {
        const read = readAll(encodeKmodIndex(written));
        for (const [at, entry] of read.entries()) {
          const next = read[at + 1];
          if (next?.key === entry.key) expect(entry.priority).toBeLessThanOrEqual(next.priority);
        }
      }),
    );
  });
});

test('tolerates a file that is truncated or of another format', () => {
  const whole = encodeKmodIndex([
    { key: 'alias_a', value: 'a', priority: 0 },
    { key: 'alias_b*', value: 'b', priority: 1 },
  ]);
  expect(isKmodIndex(whole)).toBe(true);
  expect(isKmodIndex(Buffer.from('# Aliases'))).toBe(false);
  for (let size = 0; size < whole.length; size += 1) {
    const part = whole.subarray(0, size);
    if (isKmodIndex(part)) expect([...searchKmodIndex(part, 'alias_a')].length).toBeLessThan(3);
  }
});
