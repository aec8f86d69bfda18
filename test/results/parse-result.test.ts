import { expect, test } from 'vitest';
import { parseResult } from '../../src/results/parse-result.ts';
import { aResult } from './a-result.ts';

/** Why a text is not a result. */
function reasonOf(text: string): string {
  const parsed = parseResult(text);
  return 'reason' in parsed ? parsed.reason : 'it is one';
}

test('reads what was written, with or without the optional fields', () => {
  const full = aResult({
    command: { arguments: ['./check', '-g', 'quick'] },
    commandStatus: 1,
    autorun: [{ script: 'fstests.sh', status: 0 }],
    tests: [
      { name: 'xfs/001', status: 'pass', start: 2400, duration: 1200 },
      { name: 'xfs/002', status: 'fail', message: 'output mismatch', output: '-a\n+b\n' },
    ],
    splats: [
      {
        kind: 'warning',
        severity: 'error',
        title: 'WARNING in foo',
        count: 2,
        text: '------------[ cut here ]------------\n',
        decoded: 'foo.c:12',
        during: 'xfs/002',
        excused: 'known',
      },
    ],
    rapido: '0.1.0',
    host: { name: 'build7', release: '6.12.9', architecture: 'x86_64' },
    notes: ['junit.xml could not be written'],
  });
  expect(parseResult(JSON.stringify(full))).toEqual({ result: full });
  const bare = JSON.stringify(aResult());
  expect(bare).not.toContain('commandStatus');
  expect(parseResult(bare)).toEqual({ result: JSON.parse(bare) });
});

test('keeps fields of a later rapido with the same version', () => {
  const times = { ...aResult().times, waiting: 5 };
  const later = { ...aResult(), colour: 'blue', times };
  expect(parseResult(JSON.stringify(later))).toEqual({ result: JSON.parse(JSON.stringify(later)) });
});

test('says why something is not a result', () => {
  const whole = JSON.stringify(aResult());
  expect({
    empty: reasonOf(''),
    half: reasonOf(whole.slice(0, 100)),
    list: reasonOf('[]'),
    newer: reasonOf(JSON.stringify({ ...aResult(), version: 2, verdict: { is: 'new' } })),
    verdict: reasonOf(JSON.stringify({ ...aResult(), verdict: 'splendid' })),
    deep: reasonOf(JSON.stringify({ ...aResult(), tests: [{ name: 1, status: 'pass' }] })),
  }).toMatchInlineSnapshot(`
    {
      "deep": "not a result of a run: tests.0.name: Invalid input: expected string, received number",
      "empty": "empty",
      "half": "not valid JSON",
      "list": "not a result of a run: Invalid input: expected object, received array",
      "newer": "written by a newer rapido (format version 2)",
      "verdict": "not a result of a run: verdict: Invalid option: expected one of "pass"|"fail"|"crash"|"splat"|"timeout"|"interrupted"|"error"",
    }
  `);
});
