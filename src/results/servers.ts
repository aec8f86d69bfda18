import {
  describeFailure,
  failedAutoruns,
  hintFor,
  judgeEnding,
  lastErrorLine,
  refusesKernel,
  type VmRecord,
  whyReportsUnknown,
} from '../vm/ending.ts';
import { describeExit } from '../vm/exit-status.ts';
import { countsAgainstPass } from './counting.ts';
import type { RunServer, RunSplat, Verdict } from './run-result.ts';
import {
  type Blame,
  blameForMemory,
  isCrash,
  type Judgement,
  nameOfScript,
  RUN_EXIT,
} from './verdict.ts';

/** A server that has ended. */
export interface EndedServer {
  cut: string;
  number: number;
  /** Milliseconds from the start of the run to the start of its QEMU. */
  start?: number | undefined;
  record: VmRecord;
  splats: readonly RunSplat[];
  /** Why rapido ended it before it was ready, such as a limit; undefined: it did not. */
  gaveUp: string | undefined;
  /** Whether rapido powered it off after it was ready. */
  wasStopped: boolean;
}

/** `nfsd-xfs (VM 1)` */
function nameServer({ cut, number }: Pick<EndedServer, 'cut' | 'number'>): string {
  return `${cut} (VM ${number})`;
}

/** The failure of a server, which replaces the result of the run. */
type Failure = Judgement & { blames: Blame };

/** @returns undefined if it served until rapido powered it off */
export function judgeServer(server: EndedServer): Failure | undefined {
  const { record, splats, gaveUp, wasStopped } = server;
  const name = nameServer(server);
  const fail = (
    verdict: Exclude<Verdict, 'pass'>,
    reason: string,
    blames: Blame = 'guest',
  ): Failure => ({ verdict, status: RUN_EXIT[verdict], reason: `${name}: ${reason}`, blames });
  const ending = judgeEnding(record);
  const crash = splats.find(isCrash);
  if (ending.kind === 'interrupted') return fail('interrupted', `interrupted by ${ending.signal}`);
  if (record.wasHostFull === true) {
    return fail('error', 'no space left on the host for its disks; guest writes failed', 'setup');
  }
  // Checked before the crash: a kernel without enough memory for its image panics, too.
  if (ending.kind === 'no-memory') return fail('error', ending.message, blameForMemory(record));
  if (crash !== undefined) return fail('crash', `the kernel crashed: ${crash.title}`);
  if (ending.kind === 'panicked') return fail('crash', `the kernel panicked: ${ending.message}`);
  if (gaveUp !== undefined) return fail('timeout', gaveUp);
  const [script] = failedAutoruns(record.events);
  if (script !== undefined) {
    const { status } = script;
    return fail(
      'fail',
      `autorun script ${nameOfScript(script.script)} failed: ${describeExit(status)}`,
    );
  }
  if (record.events.some(({ event }) => event === 'no-directory')) {
    return fail('error', 'the directory that the cut names is not in the image', 'setup');
  }
  if (ending.kind === 'not-started') {
    const words = lastErrorLine(record);
    const hint = hintFor(record.qemuSaid);
    const why = hint === undefined ? words : `${words} (${hint})`;
    const blames = refusesKernel(record.qemuSaid) ? 'guest' : 'setup';
    return fail('error', `QEMU did not start the VM: ${why}`, blames);
  }
  switch (ending.kind) {
    case 'failed':
      return fail('error', describeFailure(ending, record), 'host');
    case 'powered-off': {
      if (!wasStopped) return fail('crash', 'powered off before the end of the test');
      const unknown = whyReportsUnknown(record.events);
      if (unknown === undefined) return undefined;
      return fail('error', `cannot tell whether its kernel reported a problem: ${unknown}`);
    }
    case 'reset':
      return fail('crash', 'reset: a triple fault, or a reboot that bypassed rapido');
    case 'quit':
      return wasStopped
        ? fail('timeout', 'did not power off in time after the end of the test')
        : fail('crash', 'QEMU was terminated', 'host');
    case 'lost':
      return fail('crash', `VM lost: ${ending.reason}`, 'host');
  }
}

/**
 * Judges a run with its servers. The failure of a server explains more than the result of the client, unless the
 * client's own kernel crashed. Kernel reports of servers count like those of the client.
 */
export function judgeWithServers(
  client: Judgement & { blames: Blame },
  servers: readonly EndedServer[],
): Judgement & { blames: Blame } {
  const failures = servers.flatMap((server) => judgeServer(server) ?? []);
  const worst = failures.toSorted((a, b) => rankOf(a.verdict) - rankOf(b.verdict))[0];
  if (client.verdict === 'interrupted' || client.verdict === 'crash') {
    // A client that was ended because of its server is not the cause.
    const isServers = worst?.verdict === 'crash' || client.verdict === 'crash';
    if (worst === undefined || !isServers || client.blames === 'guest') return client;
  }
  if (worst !== undefined) return worst;
  if (client.verdict !== 'pass') return client;
  const reports = servers.flatMap((server) =>
    server.splats
      .filter(countsAgainstPass)
      .map(({ title }) => `${nameServer(server)}: the kernel reported a problem: ${title}`),
  );
  const [first] = reports;
  if (first === undefined) return client;
  const more = reports.length === 1 ? '' : ` and ${reports.length - 1} more`;
  return { verdict: 'splat', status: RUN_EXIT.splat, reason: first + more, blames: 'guest' };
}

/** Of several failures, the one with the lowest rank explains the most. */
function rankOf(verdict: Verdict): number {
  return ['interrupted', 'crash', 'error', 'fail', 'timeout'].indexOf(verdict);
}

export function describeServer(server: EndedServer, consoleLog: string): RunServer {
  const { cut, number, start } = server;
  return { cut, number, failure: judgeServer(server)?.reason, start, console: consoleLog };
}

/** @returns its kernel reports, with the name of the server */
export function splatsOf(server: EndedServer): RunSplat[] {
  return server.splats.map((splat) => ({ ...splat, vm: nameServer(server) }));
}
