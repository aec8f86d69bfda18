import { closeSync, constants, openSync } from 'node:fs';

/** Whether this user can use vhost-net, with which the kernel moves packets between a guest and a tap. */
export function canUseVhostNet(): boolean {
  return opens('/dev/vhost-net');
}

/** Whether this user can open tap devices. */
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
