import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatResultSchema } from '../../scripts/reference/result-schema.ts';
import { parseResult } from '../../src/results/parse-result.ts';
import { FAILED, someResult } from '../export/samples.ts';

const ajv = new Ajv2020();
addFormats.default(ajv);
const isValid = ajv.compile(JSON.parse(formatResultSchema()));

/** What the schema and rapido itself say about a value. */
function judge(value: unknown): [boolean, boolean] {
  const json = JSON.stringify(value);
  return [isValid(JSON.parse(json)), 'result' in parseResult(json)];
}

test('accepts what rapido writes, and unknown fields', () => {
  fc.assert(
    fc.property(someResult, (result) => {
      expect(judge(result)).toEqual([true, true]);
    }),
  );
  expect(judge({ ...FAILED, added: { later: 1 } })).toEqual([true, true]);
});

test('rejects what rapido rejects: each field of the wrong type', () => {
  const wrong = Object.keys(FAILED).filter(
    (name) => FAILED[name as keyof typeof FAILED] !== undefined,
  );
  expect(wrong.length).toBeGreaterThan(15);
  for (const name of wrong)
    expect({ name, judged: judge({ ...FAILED, [name]: [null] }) }).toEqual({
      name,
      judged: [false, false],
    });
  expect(judge({})).toEqual([false, false]);
});
