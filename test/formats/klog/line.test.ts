import { expect, test } from 'vitest';
import { parseKernelLines } from '../../../src/formats/klog/line.ts';

const parse = (line: string) =>
  parseKernelLines(line).map(({ time, caller, text }) => ({ time, caller, text }));

test.each([
  ['[   12.345678] text', 12.345678, '', 'text'],
  ['[   12.345678][ T1234] text', 12.345678, 'T1234', 'text'],
  ['[   12.345678][    C0] text', 12.345678, 'C0', 'text'],
  ['<4>[    1.000000] text', 1, '', 'text'],
  ['[123456.000001]  <TASK>', 123456.000001, '', ' <TASK>'],
  ['ok 1 - foo[   12.345678] text', 12.345678, '', 'text'],
  ['[    1.000000] half a line of dmesg[   12.345678] text', 12.345678, '', 'text'],
  ['\u001b[0;32m[   12.345678] \u001b[1mtext\u001b[0m\r', 12.345678, '', 'text'],
])('%j is from the kernel', (line, time, caller, text) => {
  expect(parse(line).at(-1)).toEqual({ time, caller, text });
});

test.each([
  '',
  'text',
  '[12.345678] text',
  '[   12.34] text',
  '[12:34:56] text',
  '[  1 2.345678] text',
])('%j is not', (line) => {
  expect(parse(line)).toEqual([]);
});

test("keeps the kernel's part behind an endless line of a user program", () => {
  expect(parse(`${'x'.repeat(60_000)}[   12.345678] text`)).toEqual([
    { time: 12.345678, caller: '', text: 'text' },
  ]);
});
