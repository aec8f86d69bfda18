/**
 * Quotes a value for rapido.conf with double quotes. A value with a line break spans two lines.
 */
export function quoteConfValue(value: string): string {
  return `"${value.replace(/["\\$`]/g, '\\$&')}"`;
}
