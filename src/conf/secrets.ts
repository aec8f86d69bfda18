import type { ConfKey } from './key.ts';

/** What stands in place of a secret. */
export const MASK = '********';

/** Values that must not be shown; a shorter one would turn up in innocent words. */
export function secretsOf(
  entries: Iterable<{ readonly key: ConfKey; readonly text: string | undefined }>,
): string[] {
  return [...entries].flatMap(({ key, text }) =>
    key.secret && text !== undefined && text.length >= 4 ? [text] : [],
  );
}

/** A text without secrets, also where a value repeats one: `CIFS_MOUNT_OPTS="password=${CIFS_PW}"`. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets.reduce((rest, secret) => rest.replaceAll(secret, MASK), text);
}
