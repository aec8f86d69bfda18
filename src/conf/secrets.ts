import type { ConfKey } from './key.ts';

/** The text that replaces a secret. */
export const MASK = '********';

/** Values that must not be shown. Shorter ones are omitted, because they would match unrelated text. */
export function secretsOf(
  entries: Iterable<{ readonly key: ConfKey; readonly text: string | undefined }>,
): string[] {
  return [...entries].flatMap(({ key, text }) =>
    key.secret && text !== undefined && text.length >= 4 ? [text] : [],
  );
}

/** Masks secrets in a text, also inside other values: `CIFS_MOUNT_OPTS="password=${CIFS_PW}"`. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets.reduce((rest, secret) => rest.replaceAll(secret, MASK), text);
}
