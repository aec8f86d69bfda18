import { mkdirSync, readFileSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../errors.ts';
import type { Argv } from '../sys/command-line.ts';
import { runTool } from '../sys/exec.ts';
import { readTextIfReachable } from '../sys/stat.ts';
import { writeFileAtomic } from '../sys/temporary.ts';
import type { Link } from './links.ts';

/** What a physical interface was like before it was attached to the bridge. */
export interface UplinkRecord {
  version: 1;
  /** Whose bridge it is on. */
  uid: number;
  /** That of Linux: the number of an interface is never given to another before the next boot. */
  bootId: string;
  index: number;
  name: string;
  wasUp: boolean;
  /** What makes each address again, in order: words for `ip address add`. */
  addresses: string[][];
  /** The same of each route that the addresses alone do not make. */
  routes: UplinkRoute[];
}

export interface UplinkRoute {
  family: 4 | 6;
  words: string[];
}

/** What must be known of an interface to attach it. */
export interface Uplink {
  link: Link;
  routes: UplinkRoute[];
}

/** @param bootId text of /proc/sys/kernel/random/boot_id */
export function recordUplink({ link, routes }: Uplink, uid: number, bootId: string): UplinkRecord {
  const { index, name, isUp } = link;
  const addresses = link.addresses.filter(isToKeep).map(({ words }) => words);
  return { version: 1, uid, bootId, index, name, wasUp: isUp, addresses, routes };
}

/** The kernel itself makes those of the link, and temporary ones. */
function isToKeep({ scope, isTemporary }: Link['addresses'][number]): boolean {
  return scope !== 'link' && !isTemporary;
}

/** The routes of an interface that must be made again by somebody. */
export async function readRoutes(name: string): Promise<UplinkRoute[]> {
  const routes: UplinkRoute[] = [];
  for (const family of [4, 6] as const) {
    const argv: Argv = ['ip', `-${family}`, 'route', 'show', 'table', 'all', 'dev', name];
    const text = await runTool(argv, {
      purpose: `looking at the routes of ${name}`,
      returns: 'stdout',
    });
    routes.push(...parseRoutes(text).map((words) => ({ family, words })));
  }
  return routes;
}

/** What `ip route show` says of a route's state, and `ip route add` does not know. */
const ROUTE_STATE = new Set(['linkdown', 'dead', 'offload', 'trap', 'offload_failed', 'rt_trap']);

/** @param text of `ip route show table all dev NAME`, a route a line */
function parseRoutes(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '' && !/ proto kernel\b/.test(line))
    .map((line) =>
      line
        .trim()
        .split(/\s+/)
        .filter((word) => !ROUTE_STATE.has(word))
        .map((word, index, words) =>
          words[index - 1] === 'expires' ? word.replace(/sec$/, '') : word,
        ),
    );
}

/**
 * Where it is remembered, for this boot, this network namespace and a user. It cannot be in the kernel:
 * there is not room enough in an alias.
 */
function recordFile(uid: number): string {
  return join(RECORDS, `uplink-${statSync('/proc/self/ns/net').ino}-${uid}.json`);
}

const RECORDS = '/run/rapido';

export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** @returns undefined where nothing is remembered, or of an earlier boot */
export function readUplinkRecord(uid: number): UplinkRecord | undefined {
  const text = readTextIfReachable(recordFile(uid));
  if (text === undefined) return undefined;
  const record: UplinkRecord = JSON.parse(text);
  return record.version === 1 && record.bootId === readBootId() ? record : undefined;
}

export function writeUplinkRecord(record: UplinkRecord): void {
  mkdirSync(RECORDS, { recursive: true, mode: 0o755 });
  writeFileAtomic(recordFile(record.uid), `${JSON.stringify(record, null, 2)}\n`);
}

/** Nothing of rapido's stays in /run. */
export function removeUplinkRecord(uid: number): void {
  rmSync(recordFile(uid), { force: true });
  try {
    rmdirSync(RECORDS);
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY'].includes(errorCode(error) ?? '')) throw error;
  }
}
