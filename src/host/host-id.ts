import { hostname } from 'node:os';
import { readTextIfReachable } from '../sys/stat.ts';

/** What tells this host from others, for good where it has a machine-id(5). */
export function readHostId(): string {
  return readTextIfReachable('/etc/machine-id')?.trim() || hostname();
}
