import { expect, test } from 'vitest';
import { readDumpWords } from '../../src/machine/dump.ts';

const VMS = [
  { number: 1, hostname: 'rapido1' },
  { number: 2, hostname: 'server' },
];

test.each([
  [undefined, undefined, undefined, undefined],
  ['1', undefined, '1', undefined],
  ['server', undefined, 'server', undefined],
  ['server', 'core', 'server', 'core'],
  ['core', undefined, undefined, 'core'],
  ['./1', undefined, undefined, './1'],
  // A VM that does not run is a mistake, not a file.
  ['7', undefined, '7', undefined],
])('`rapido dump %s %s`: VM %s, file %s', (vm, file, name, path) => {
  expect(readDumpWords({ vm, file }, VMS)).toEqual({ name, file: path });
});
