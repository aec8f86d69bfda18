import type { RunResult } from '../results/run-result.ts';
import {
  describeServer,
  type EndedServer,
  judgeServer,
  judgeWithServers,
  splatsOf,
} from '../results/servers.ts';
import { type Blame, RUN_EXIT } from '../results/verdict.ts';
import { startAwakeClock } from '../sys/awake-clock.ts';
import type { BootParts } from './attempt.ts';
import { runBoots } from './boots.ts';
import type { StartedJob } from './context.ts';
import { consoleName, type PreparedServer, startServers } from './servers.ts';

/**
 * Runs what a run runs, with its servers up; fills in what came of all.
 * @returns who is to blame for a crash
 */
export async function runWithServers(
  job: StartedJob,
  parts: Omit<BootParts, 'servers'>,
  prepared: readonly PreparedServer[],
  result: RunResult,
): Promise<Blame> {
  if (prepared.length === 0) return runBoots(job, { ...parts, servers: undefined }, result);
  const started = performance.now();
  const clock = startAwakeClock();
  const servers = await startServers(job, prepared, parts.kernelImage);
  result.times.servers = performance.now() - started;
  const spent = clock.now();
  clock.stop();
  if ('ended' in servers) return fillIn(result, NOT_RUN, servers.ended);
  let ended: EndedServer[] = [];
  let blames: Blame = 'host';
  try {
    blames = await runBoots(withTimeLeft(job, spent), { ...parts, servers }, result);
  } finally {
    ended = await servers.stop();
  }
  return fillIn(result, { ...result, blames }, ended);
}

/** What a run comes to whose servers were not ready, if not even they tell why. */
const NOT_RUN = {
  verdict: 'error',
  status: RUN_EXIT.error,
  reason: 'the servers were not ready',
  blames: 'host',
} as const;

/** --timeout is for the whole run: what the servers took of it is gone. */
function withTimeLeft(job: StartedJob, spent: number): StartedJob {
  const { limits } = job.settings;
  if (limits.total === undefined) return job;
  const total = Math.max(limits.total - spent, 1);
  return { ...job, settings: { ...job.settings, limits: { ...limits, total } } };
}

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
  // What is not the reason is worth a line.
  const others = servers.flatMap((server) => judgeServer(server)?.reason ?? []);
  result.notes.push(...others.filter((other) => other !== reason));
  return blames;
}
