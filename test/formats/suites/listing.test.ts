import { describe, expect, test } from 'vitest';
import { listsTests } from '../../../src/formats/suites/listing.ts';

describe('a command that lists tests, and runs none', () => {
  test.each([
    'fstests-check -n -g quick',
    './check -g quick -n',
    '/xfstests/check -n',
    './run_kselftest.sh -l',
    './run_kselftest.sh --dry-run -c timers',
  ])('%s', (line) => expect(listsTests(line.split(' '))).toBe(true));

  // A separate network namespace; a program that belongs to no suite.
  test.each([
    'fstests-check -g quick',
    './run_kselftest.sh -n -c net',
    './my-check -n',
    'check',
    '',
  ])('not: %s', (line) => expect(listsTests(line.split(' '))).toBe(false));
});
