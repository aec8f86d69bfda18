import { describe, expect, test } from 'vitest';
import { UsageError } from '../../../src/errors.ts';
import { findExcuse, parseExpectedSplats } from '../../../src/formats/klog/expected.ts';
import type { SplatKind } from '../../../src/formats/klog/splat.ts';

const FILE = `
# Known on 6.1.
^warning: WARNING in foo_bar$ # fixed by 0123456789ab in 6.13

kasan: .* in &x->y#3   #   the test provokes it (#12)
`;

describe('a list of expected splats', () => {
  const expected = parseExpectedSplats(FILE, 'expected.txt');

  test('has a pattern and a reason on each line', () => {
    expect(expected).toEqual([
      {
        pattern: /^warning: WARNING in foo_bar$/,
        test: undefined,
        reason: 'fixed by 0123456789ab in 6.13',
        where: 'expected.txt:3',
      },
      {
        pattern: /kasan: .* in &x->y#3/,
        test: undefined,
        reason: 'the test provokes it (#12)',
        where: 'expected.txt:5',
      },
    ]);
  });

  test('excuses what matches KIND: TITLE, with the reason', () => {
    const reasonFor = (kind: SplatKind, title: string) =>
      findExcuse({ kind, title }, [], expected)?.reason;
    expect(reasonFor('warning', 'WARNING in foo_bar')).toBe('fixed by 0123456789ab in 6.13');
    expect(reasonFor('kasan', 'KASAN: x in &x->y#3')).toBe('the test provokes it (#12)');
  });

  test('excuses nothing else', () => {
    const excuse = (title: string, list: typeof expected) =>
      findExcuse({ kind: 'warning', title }, [], list);
    expect(excuse('WARNING in foo_bar2', expected)).toBeUndefined();
    expect(excuse('WARNING in foo', [])).toBeUndefined();
  });

  test('is rejected with every wrong line', () => {
    const parse = () =>
      parseExpectedSplats('warning: foo\nwarning: ( # why\nbug: x #  \n', 'e.txt');
    expect(parse).toThrow(UsageError);
    try {
      parse();
    } catch (error) {
      expect((error as UsageError).problems).toEqual([
        'e.txt:1: missing "# REASON"',
        expect.stringMatching(/^e\.txt:2: Invalid regular expression/),
        'e.txt:3: missing "# REASON"',
      ]);
    }
  });
});

describe('a splat that is expected during a test', () => {
  const during = (pattern: string, test: string | undefined): boolean =>
    findExcuse(
      { kind: 'filesystem', title: 'EXT4-fs error in ext4_iget' },
      test === undefined ? [] : [test],
      parseExpectedSplats(`EXT4-fs error @ ${pattern} # corrupted on purpose`, 'e'),
    ) !== undefined;

  test.each([
    ['ext4/018', 'ext4/018'],
    ['ext4/018', '4k/ext4/018'],
    ['ext4/018', 'ext4/018 #2'],
    ['ext4/018', 'ext4/018/zram0/tr=loop'],
    ['madvise11', 'madvise11#2'],
    ['ext4/01[6-8]|generic/388', 'generic/388'],
    ['ext4', 'ext4/018'],
    [String.raw`generic/\d+`, 'generic/388'],
  ])('%s is excused during %s', (pattern, test) => expect(during(pattern, test)).toBe(true));

  test.each([
    ['ext4/018', 'ext4/019'],
    ['ext4/018', 'ext4/0180'],
    ['ext4/018', 'myext4/018'],
    ['ext4/018', undefined],
    ['.*', undefined],
    ['ext4/018|generic/388', 'generic/3880'],
  ])('%s is not excused during %s', (pattern, test) => expect(during(pattern, test)).toBe(false));

  test('is written PATTERN @ TEST # REASON; an @ inside a word is part of the pattern', () => {
    const [entry] = parseExpectedSplats('a@b @ c @ d # e @ f', 'e');
    expect(entry).toMatchObject({ pattern: /a@b @ c/, reason: 'e @ f' });
    expect(entry?.test?.test('d')).toBe(true);
  });

  test('is rejected without a test, without a pattern, and with an invalid one', () => {
    const lines = ['foo @ # why', 'foo @ ( # why', '@ ext4/018 # why', 'foo @ a)|(b # why'];
    try {
      parseExpectedSplats(lines.join('\n'), 'e');
      expect.unreachable();
    } catch (error) {
      expect((error as UsageError).problems).toEqual([
        'e:1: missing TEST after the @',
        expect.stringMatching(/^e:2: Invalid regular expression/),
        'e:3: missing PATTERN',
        expect.stringMatching(/^e:4: Invalid regular expression/),
      ]);
    }
  });
});
