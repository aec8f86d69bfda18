import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/errors.ts';
import { excuse, parseExpectedSplats } from '../../src/klog/expected.ts';

const FILE = `
# Known on 6.1.
^warning: WARNING in foo_bar$ # fixed by 0123456789ab in 6.13

kasan: .* in &x->y#3   #   the test provokes it (#12)
`;

describe('a file of expected splats', () => {
  const expected = parseExpectedSplats(FILE, 'expected.txt');

  test('holds a pattern and a reason on each line', () => {
    expect(expected).toEqual([
      {
        pattern: /^warning: WARNING in foo_bar$/,
        reason: 'fixed by 0123456789ab in 6.13',
        where: 'expected.txt:3',
      },
      {
        pattern: /kasan: .* in &x->y#3/,
        reason: 'the test provokes it (#12)',
        where: 'expected.txt:5',
      },
    ]);
  });

  test('excuses what matches KIND: TITLE, with the reason', () => {
    expect(excuse({ kind: 'warning', title: 'WARNING in foo_bar' }, expected)).toBe(
      'fixed by 0123456789ab in 6.13',
    );
    expect(excuse({ kind: 'kasan', title: 'KASAN: x in &x->y#3' }, expected)).toBe(
      'the test provokes it (#12)',
    );
  });

  test('excuses nothing else', () => {
    expect(excuse({ kind: 'warning', title: 'WARNING in foo_bar2' }, expected)).toBeUndefined();
    expect(excuse({ kind: 'warning', title: 'WARNING in foo' }, [])).toBeUndefined();
  });

  test('is refused with every line that is wrong', () => {
    const parse = () =>
      parseExpectedSplats('warning: foo\nwarning: ( # why\nbug: x #  \n', 'e.txt');
    expect(parse).toThrow(UsageError);
    try {
      parse();
    } catch (error) {
      expect((error as UsageError).problems).toEqual([
        'e.txt:1: no reason is given: warning: foo',
        expect.stringMatching(/^e\.txt:2: Invalid regular expression/),
        'e.txt:3: no reason is given: bug: x #',
      ]);
    }
  });
});
