import { closeSync, constants, openSync } from 'node:fs';

/** Whether the kernel passes packets between a guest and a tap by itself, for this user. */
export function canUseVhostNet(): boolean {
  return opens('/dev/vhost-net');
}

/** Whether this user may open tap devices at all. */
export function canOpenTun(): boolean {
  return opens('/dev/net/tun');
}

function opens(path: string): boolean {
  try {
    closeSync(openSync(path, constants.O_RDWR));
    return true;
  } catch {
    return false;
  }
}
