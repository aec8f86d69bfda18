/**
 * A value in double quotes, as it is to be written in rapido.conf to be read back the same.
 * A value with a line break is written over two lines.
 */
export function quoteConfValue(value: string): string {
  return `"${value.replace(/["\\$`]/g, '\\$&')}"`;
}
