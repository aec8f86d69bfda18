import { existsSync, readFileSync } from 'node:fs';
import type { Conf } from '../conf/conf.ts';
import { namesKeyFile } from '../conf/values.ts';

/**
 * The private key that goes with SSH_AUTHORIZED_KEY.
 * @returns its path; undefined: it is not known here, an agent may have it
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

/** The key itself, in base64, of a line of authorized_keys: sshd(8). */
function keyOf(line: string): string | undefined {
  return /\bAAAA[A-Za-z0-9+/=]+/.exec(line)?.[0];
}
