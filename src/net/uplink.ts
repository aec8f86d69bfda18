import { readFileSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { errorCode } from '../errors.ts';
import type { Argv } from '../sys/command-line.ts';
import { runTool } from '../sys/exec.ts';
import { parseJson } from '../sys/json.ts';
import { makeDirectories } from '../sys/make-directories.ts';
import { readTextIfReachable } from '../sys/stat.ts';
import { writeFileAtomic } from '../sys/temporary.ts';
import type { Link } from './links.ts';

const uplinkRoute = z.object({
  family: z.literal([4, 6]),
  words: z.array(z.string()),
});

export type UplinkRoute = z.infer<typeof uplinkRoute>;

const uplinkRecord = z.object({
  version: z.literal(1),
  /** The user who owns the bridge. */
  uid: z.int(),
  /** Linux does not reuse the index of an interface during a boot. */
  bootId: z.string(),
  index: z.int(),
  name: z.string(),
  wasUp: z.boolean(),
  /** Arguments of `ip address add` for each address, in order. */
  addresses: z.array(z.array(z.string())),
  /** The same for each route that does not follow from the addresses. */
  routes: z.array(uplinkRoute),
});

/** The state of a physical interface before it was attached to the bridge. */
export type UplinkRecord = z.infer<typeof uplinkRecord>;

/** The facts about an interface that are needed to attach it. */
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

/** Whether an address must be restored. The kernel adds link-local and temporary addresses itself. */
function isToKeep({ scope, isTemporary }: Link['addresses'][number]): boolean {
  return scope !== 'link' && !isTemporary;
}

/** The routes of an interface that must be restored. */
export async function readRoutes(name: string): Promise<UplinkRoute[]> {
  const routes: UplinkRoute[] = [];
  for (const family of [4, 6] as const) {
    const argv: Argv = ['ip', `-${family}`, 'route', 'show', 'table', 'all', 'dev', name];
    const text = await runTool(argv, {
      purpose: `reading the routes of ${name}`,
      returns: 'stdout',
    });
    routes.push(...parseRoutes(text).map((words) => ({ family, words })));
  }
  return routes;
}

/** Words for the state of a route, which `ip route show` prints and `ip route add` rejects. */
const ROUTE_STATE = new Set(['linkdown', 'dead', 'offload', 'trap', 'offload_failed', 'rt_trap']);

/** @param text output of `ip route show table all dev NAME`, one route per line */
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
 * The file with the record for this boot, this network namespace and a user. The alias of an interface would be too
 * short for it.
 */
function recordFile(uid: number): string {
  return join(RECORDS, `uplink-${statSync('/proc/self/ns/net').ino}-${uid}.json`);
}

const RECORDS = '/run/rapido';

export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** @returns undefined if there is no record, or it is of an earlier boot */
export function readUplinkRecord(uid: number): UplinkRecord | undefined {
  const text = readTextIfReachable(recordFile(uid));
  if (text === undefined) return undefined;
  const record = parseJson(uplinkRecord, text);
  return record?.bootId === readBootId() ? record : undefined;
}

export function writeUplinkRecord(record: UplinkRecord): void {
  makeDirectories(RECORDS, 0o755);
  writeFileAtomic(recordFile(record.uid), `${JSON.stringify(record, null, 2)}\n`);
}

/** Removes the record, and the directory in /run if it is empty. */
export function removeUplinkRecord(uid: number): void {
  rmSync(recordFile(uid), { force: true });
  try {
    rmdirSync(RECORDS);
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY'].includes(errorCode(error) ?? '')) throw error;
  }
}
