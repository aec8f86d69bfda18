import { hostname } from 'node:os';
import { readTextIfReachable } from '../sys/stat.ts';

/** Identifies this host. The ID is permanent if the host has a machine-id(5). */
export function readHostId(): string {
  return readTextIfReachable('/etc/machine-id')?.trim() || hostname();
}
