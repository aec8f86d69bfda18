import * as z from 'zod/mini';

/** @returns undefined if the text is not valid JSON, or its value does not match the schema */
export function parseJson<Value>(schema: z.ZodMiniType<Value>, text: string): Value | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return schema.safeParse(value).data;
}

/**
 * A field that is not in the JSON if its value is undefined. Unlike that of `z.optional`, its type has the key, so
 * that code that makes the object cannot forget it.
 */
export function orAbsent<Schema extends z.ZodMiniType>(
  schema: Schema,
): z.ZodMiniType<z.output<Schema> | undefined> {
  return z.optional(schema);
}
