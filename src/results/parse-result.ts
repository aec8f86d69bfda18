import en from 'zod/v4/locales/en.js';
import { RESULT_VERSION, type RunResult, runResult } from './run-result.ts';

/** A result, or why the text is not one, in a few words. */
export type ParsedResult = { result: RunResult } | { reason: string };

/** zod/mini has no messages of its own. `z.locales` would add those of fifty languages to the bundle. */
const { localeError } = en();

/**
 * Parses the text of a result.json. Unknown fields are kept, because a newer rapido may add fields without a new
 * version of the format.
 */
export function parseResult(json: string): ParsedResult {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return { reason: json.trim() === '' ? 'empty' : 'not valid JSON' };
  }
  const version = versionOf(value);
  if (version !== undefined && version > RESULT_VERSION) {
    return { reason: `written by a newer rapido (format version ${version})` };
  }
  const checked = runResult.safeParse(value, { error: localeError });
  // The parsed data lacks unknown fields.
  if (checked.success) return { result: value as RunResult };
  const [issue] = checked.error.issues;
  const where = issue?.path.join('.') ?? '';
  return { reason: `not a result of a run: ${where === '' ? '' : `${where}: `}${issue?.message}` };
}

function versionOf(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null || !('version' in value)) return undefined;
  return typeof value.version === 'number' ? value.version : undefined;
}
