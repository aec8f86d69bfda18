import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { packLog } from '../../src/page/logs.ts';
import { aSplat } from '../results/a-result.ts';

const IDS = { id: 'log-console', prefix: 'L' };

function pack(text: string, splats: Parameters<typeof packLog>[2] = []) {
  const { packed, ...log } = packLog({ name: 'console.log', text }, IDS, splats);
  return { ...log, shown: gunzipSync(Buffer.from(packed, 'base64')).toString().split('\n') };
}

test('lines of a serial console, without escape sequences and NUL', () => {
  const { shown, lines, gap } = pack('\u001b[1mone\u001b[0m\r\ntwo\0\r\r\n\r\nfour');
  expect({ shown, lines, gap }).toEqual({
    shown: ['one', 'two ', '', 'four'],
    lines: 4,
    gap: undefined,
  });
});

test('of a long line, the beginning, and how much is missing', () => {
  const { shown } = pack(`a\n${'😀'.repeat(5000)}\nb`);
  expect(shown[1]).toBe(`${'😀'.repeat(2000)} … (6000 more characters in this line)`);
});

test('of a huge log, the beginning and the end; one line stands for the rest', () => {
  const { shown, lines, gap } = pack(
    Array.from({ length: 500_000 }, (_, line) => line + 1).join('\n'),
  );
  expect({ lines, gap }).toEqual({ lines: 500_000, gap: { after: 100_000, count: 100_000 } });
  expect(shown.slice(99_999, 100_002)).toEqual([
    '100000',
    '… 100000 lines are left out; they are in console.log',
    '200001',
  ]);
});

test('a report that another CPU interrupts is found by its first line, if there is one such line', () => {
  const splat = aSplat({ text: '[ 1.0] BUG: x\n[ 1.0] trace\n' });
  const anchored = [{ splat, anchor: 'report-0' }];
  const found = pack('a\r\n[ 1.0] BUG: x\r\n[ 1.0] other\r\n[ 1.0] trace\r\n', anchored);
  expect(found.marks).toMatchObject([{ line: 2, length: 1, report: 'report-0' }]);
  expect(pack('[ 1.0] BUG: x\n-\n[ 1.0] BUG: x\n', anchored).marks).toEqual([]);
});
