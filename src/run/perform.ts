import type { RunResult } from '../results/run-result.ts';
import {
  describeServer,
  type EndedServer,
  judgeServer,
  judgeWithServers,
  splatsOf,
} from '../results/servers.ts';
import { type Blame, RUN_EXIT } from '../results/verdict.ts';
import { startDeadline } from '../sys/deadline.ts';
import type { BootParts } from './attempt.ts';
import { runBoots } from './boots.ts';
import type { StartedJob } from './context.ts';
import { consoleName, type PreparedServer, startServers } from './servers.ts';

/**
 * Starts the servers, boots the VM under test, and stops the servers. Fills in `result`.
 * @returns what a crash is blamed on
 */
export async function runWithServers(
  job: StartedJob,
  vm: Omit<BootParts, 'servers' | 'deadline'>,
  prepared: readonly PreparedServer[],
  result: RunResult,
): Promise<Blame> {
  const parts = { ...vm, deadline: startDeadline(job.settings.limits.total) };
  if (prepared.length === 0) return runBoots(job, { ...parts, servers: undefined }, result);
  const started = performance.now();
  const servers = await startServers(job, prepared, parts);
  result.times.servers = performance.now() - started;
  if ('ended' in servers) return fillIn(result, NOT_RUN, servers.ended);
  let ended: EndedServer[] = [];
  let blames: Blame = 'host';
  try {
    blames = await runBoots(job, { ...parts, servers }, result);
  } finally {
    ended = await servers.stop();
  }
  return fillIn(result, { ...result, blames }, ended);
}

/** The result of a run whose servers were not ready, if no server has a better reason. */
const NOT_RUN = {
  verdict: 'error',
  status: RUN_EXIT.error,
  reason: 'the servers were not ready',
  blames: 'host',
} as const;

function fillIn(
  result: RunResult,
  client: Parameters<typeof judgeWithServers>[0],
  servers: readonly EndedServer[],
): Blame {
  const { blames, verdict, status, reason } = judgeWithServers(client, servers);
  Object.assign(result, { verdict, status, reason });
  result.servers = servers.map((server) =>
    describeServer(server, consoleName(server.cut, server.number)),
  );
  result.splats.push(...servers.flatMap(splatsOf));
  // Failures of servers that are not the reason for the verdict become notes.
  const others = servers.flatMap((server) => judgeServer(server)?.reason ?? []);
  result.notes.push(...others.filter((other) => other !== reason));
  return blames;
}
