import { existsSync, readFileSync } from 'node:fs';
import type { Conf } from '../conf/conf.ts';
import { namesKeyFile } from '../conf/values.ts';

/**
 * Finds the private key that belongs to SSH_AUTHORIZED_KEY.
 * @returns its path; undefined if it is unknown, for example because an agent holds it
 */
export function findIdentity(conf: Conf): string | undefined {
  const authorized = conf.get('SSH_AUTHORIZED_KEY');
  const identity = conf.get('SSH_IDENTITY');
  const candidate =
    authorized === undefined
      ? undefined
      : namesKeyFile(authorized)
        ? /^(.+)\.pub$/.exec(authorized)?.[1]
        : identity !== undefined && readKey(`${identity}.pub`) === keyOf(authorized)
          ? identity
          : undefined;
  return candidate !== undefined && existsSync(candidate) ? candidate : undefined;
}

function readKey(path: string): string | undefined {
  try {
    return keyOf(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** The base64 text of the key in a line of authorized_keys, see sshd(8). */
function keyOf(line: string): string | undefined {
  return /\bAAAA[A-Za-z0-9+/=]+/.exec(line)?.[0];
}
