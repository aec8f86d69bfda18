import * as z from 'zod/mini';
import { runResult } from '../../src/results/run-result.ts';

/** The JSON Schema (2020-12) of result.json. It allows unknown fields, as rapido does. */
export function formatResultSchema(): string {
  const schema = z.toJSONSchema(runResult, { io: 'input', target: 'draft-2020-12' });
  const described = {
    title: 'result.json of rapido',
    description: 'The result of a run; docs/results.md describes every field.',
  };
  return `${JSON.stringify({ ...described, ...schema }, null, 2)}\n`;
}
