import { listSome } from '../sys/list-words.ts';
import { joinSplats } from './boots.ts';
import { isFailure } from './compare.ts';
import type {
  RunBoot,
  RunResult,
  RunShard,
  RunSplat,
  RunTimes,
  TestResult,
  Verdict,
} from './run-result.ts';
import { describePassed, RUN_EXIT } from './verdict.ts';

/** A part of a job that was split (`--shard`, or `parallel` of GitLab). */
export interface ShardRun {
  /** As the user named it. */
  name: string;
  result: RunResult;
}

/**
 * Finds out why runs are not the parts of one job: another kernel or target, a part that is missing or there twice, a
 * test that has results in two parts.
 * @returns one line per problem; empty: they can be merged
 */
export function findMisfits(runs: readonly ShardRun[]): string[] {
  const [first] = runs;
  if (first === undefined) return [];
  const unsplit = runs.filter(({ result }) => result.shard === undefined);
  if (unsplit.length > 0) {
    return unsplit.map(({ name }) => `${name}: is not a part of a job that was split`);
  }
  const differing = runs.flatMap((run) => describeDifferences(first, run));
  if (differing.length > 0) return differing;
  const misplaced = [...findRepeated(runs), ...findMissing(runs)];
  return misplaced.length > 0 ? misplaced : findTestsInTwo(runs);
}

/** What all parts of a job have in common. */
const COMMON: Readonly<Record<string, (result: RunResult) => string | number | undefined>> = {
  target: ({ cut }) => cut,
  kernel: ({ kernel }) => kernel?.release,
  commit: ({ kernel }) => kernel?.commit,
  'kernel configuration': ({ kernel }) => kernel?.config,
  architecture: ({ kernel }) => kernel?.architecture,
  suite: ({ suite }) => suite,
  'number of shards': ({ shard }) => shard?.count,
  'list of tests': ({ shard }) => shard?.list,
};

/** A kernel that a part does not know, because it ended before the kernel was chosen, is no difference. */
function describeDifferences(first: ShardRun, other: ShardRun): string[] {
  return Object.entries(COMMON).flatMap(([what, read]) => {
    const [a, b] = [read(first.result), read(other.result)];
    if (a === b || first.result.kernel === undefined || other.result.kernel === undefined)
      return [];
    return [
      `${other.name}: another ${what} than ${first.name}: ${b ?? 'none'}, not ${a ?? 'none'}`,
    ];
  });
}

function findRepeated(runs: readonly ShardRun[]): string[] {
  const known = new Map<number, string>();
  return runs.flatMap(({ name, result }) => {
    const { index, count } = shardOf(result);
    const before = known.get(index);
    known.set(index, name);
    return before === undefined ? [] : [`${name}: is shard ${index} of ${count}, as is ${before}`];
  });
}

function findMissing(runs: readonly ShardRun[]): string[] {
  const there = new Set(runs.map(({ result }) => shardOf(result).index));
  const { count } = shardOf(runs[0]!.result);
  const missing = Array.from({ length: count }, (_, index) => index + 1).filter(
    (index) => !there.has(index),
  );
  if (missing.length === 0) return [];
  return [`shard ${missing.join(', ')} of ${count} is missing`];
}

function findTestsInTwo(runs: readonly ShardRun[]): string[] {
  const known = new Map<string, string>();
  return runs.flatMap(({ name, result }) => {
    const names = new Set(result.tests.map((test) => test.name));
    return [...names].flatMap((test) => {
      const before = known.get(test);
      known.set(test, name);
      return before === undefined ? [] : [`${test} has results in ${before} and in ${name}`];
    });
  });
}

/** @param run one that `findMisfits` accepts */
function shardOf({ shard }: RunResult): RunShard {
  if (shard === undefined) throw new Error('not a shard');
  return shard;
}

/** @returns the runs in the order of their shards */
export function inOrder<Run extends ShardRun>(runs: readonly Run[]): Run[] {
  return [...runs].sort((a, b) => shardOf(a.result).index - shardOf(b.result).index);
}

/**
 * Makes one result of the parts of a job. Its boots are those of all parts, its times are sums except for the total,
 * which is from the start of the first part to the end of the last.
 * @param runs `inOrder`, without misfits
 */
export function mergeShards(runs: readonly ShardRun[], id: string): RunResult {
  const results = runs.map(({ result }) => result);
  const first = results[0]!;
  const startedMs = Math.min(...results.map(startOf));
  const endedMs = Math.max(...results.map((result) => startOf(result) + result.times.total));
  const kernel = results.find((result) => result.kernel !== undefined)?.kernel;
  const tests = results.flatMap((result) => testsOf(result, startOf(result) - startedMs));
  const shards = results.map((result) => ({ result, lacking: findLacking(result) }));
  const { shard: _, blockedTasks: __, dumps: ___, ...common } = first;
  return {
    ...common,
    id,
    ...judgeShards(shards, tests),
    command: sharedBy(results, ({ command }) => command),
    commandStatus: sharedBy(results, ({ commandStatus }) => commandStatus),
    autorun: results.flatMap(({ autorun }) => autorun),
    kernel,
    vm: results.find(({ vm }) => vm !== undefined)?.vm,
    started: new Date(startedMs).toISOString(),
    times: { ...sumTimes(results), total: endedMs - startedMs },
    ...serversOf(results),
    boots: results.flatMap((result) => bootsOf(result, startOf(result) - startedMs)),
    tests,
    splats: joinSplats(splatsOf(results, startedMs)),
    notes: [
      ...shards.flatMap(({ result, lacking }) => describeLacking(result, lacking)),
      ...results.flatMap((result) => describeDumps(result)),
      ...results.flatMap((result) => result.notes.map((note) => `${label(result)}: ${note}`)),
    ],
  };
}

function startOf({ started }: RunResult): number {
  return Date.parse(started);
}

function label(result: RunResult): string {
  const { index, count } = shardOf(result);
  return `shard ${index}/${count}`;
}

/** A value that is the same in all results; undefined if it is not. */
function sharedBy<T>(results: readonly RunResult[], read: (result: RunResult) => T): T | undefined {
  const values = new Set(results.map((result) => JSON.stringify(read(result))));
  return values.size === 1 ? read(results[0]!) : undefined;
}

/** The tests of its part for which a run has no result: those of `loop/001` may be `loop/001/zram0`. */
function findLacking({ shard, tests }: RunResult): string[] {
  const names = new Set<string>();
  for (const { name } of tests) {
    const parts = name.split('/');
    for (let length = 1; length <= parts.length; length++)
      names.add(parts.slice(0, length).join('/'));
  }
  return (shard?.tests ?? []).filter((test) => !names.has(test));
}

function describeLacking(result: RunResult, lacking: readonly string[]): string[] {
  return lacking.length === 0
    ? []
    : [`${label(result)}: ${listSome(lacking)} ${lacking.length === 1 ? 'has' : 'have'} no result`];
}

/** Dumps are as large as the memory of a VM: they stay with the parts. */
function describeDumps(result: RunResult): string[] {
  return (result.dumps ?? []).map((file) => `${label(result)}: its directory has the dump ${file}`);
}

/** From the one that says most about the job to the one that says least. */
const BY_WEIGHT: readonly Verdict[] = [
  'interrupted',
  'error',
  'crash',
  'timeout',
  'fail',
  'splat',
  'pass',
];

/** The worst verdict of a part is that of the job. */
function judgeShards(
  shards: readonly { result: RunResult; lacking: readonly string[] }[],
  tests: readonly TestResult[],
): Pick<RunResult, 'verdict' | 'status' | 'reason'> {
  const results = shards.map(({ result }) => result);
  const verdict = BY_WEIGHT.find((one) => results.some((result) => result.verdict === one))!;
  const worst = results.filter((result) => result.verdict === verdict);
  if (verdict === 'pass') {
    const lacking = shards.flatMap((each) => each.lacking);
    if (lacking.length > 0) {
      const verb = lacking.length === 1 ? 'has' : 'have';
      const reason = `${listSome(lacking)} ${verb} no result`;
      return { verdict: 'error', status: RUN_EXIT.error, reason };
    }
    return {
      verdict,
      status: RUN_EXIT.pass,
      reason: `${describePassed(tests)} in ${results.length} shards`,
    };
  }
  const failed = tests.filter(isFailure).length;
  const reason =
    verdict === 'fail' && failed > 1
      ? `${failed} of ${tests.length} tests failed`
      : `${label(worst[0]!)}: ${worst[0]!.reason}${worst.length === 1 ? '' : `; and ${worst.length - 1} more`}`;
  const statuses = new Set(worst.map(({ status }) => status));
  const [status = RUN_EXIT.error] = statuses;
  return { verdict, status: statuses.size === 1 ? status : RUN_EXIT[verdict], reason };
}

/** @param offset milliseconds from the start of the job to that of this part */
function testsOf({ tests }: RunResult, offset: number): TestResult[] {
  return tests.map((test) =>
    test.start === undefined ? test : { ...test, start: test.start + offset },
  );
}

/** A part that booted once is one boot. */
function bootsOf(result: RunResult, offset: number): RunBoot[] {
  const { verdict, reason, tests, vm, times } = result;
  const { boot, autorun, command, powerOff } = times;
  const boots = result.boots ?? [
    {
      verdict,
      reason,
      tests: tests.length,
      ...(vm?.start !== undefined && { start: vm.start }),
      times: { boot, autorun, command, powerOff },
    },
  ];
  return boots.map((one) =>
    one.start === undefined ? one : { ...one, start: one.start + offset },
  );
}

/** Those of all parts, with the number of the boot in the merged run. */
function splatsOf(results: readonly RunResult[], startedMs: number): RunSplat[] {
  let boots = 0;
  return results.flatMap((result) => {
    const before = boots;
    boots += result.boots?.length ?? 1;
    const offset = startOf(result) - startedMs;
    return result.splats.map((splat) => ({
      ...splat,
      ...(splat.start !== undefined && { start: splat.start + offset }),
      boot: before + (splat.boot ?? 1),
    }));
  });
}

function sumTimes(results: readonly RunResult[]): RunTimes {
  const sum = (phase: keyof RunTimes): number | undefined => {
    const known = results.flatMap(({ times }) => times[phase] ?? []);
    return known.length === 0 ? undefined : known.reduce((a, b) => a + b);
  };
  const servers = sum('servers');
  return {
    build: sum('build'),
    cut: sum('cut'),
    ...(servers !== undefined && { servers }),
    boot: sum('boot'),
    autorun: sum('autorun'),
    command: sum('command'),
    powerOff: sum('powerOff'),
    total: 0,
  };
}

function serversOf(results: readonly RunResult[]): Pick<RunResult, 'servers'> {
  const servers = results.flatMap((result) =>
    (result.servers ?? []).map((server) => ({
      ...server,
      console: `${shardDirectory(result)}/${server.console}`,
    })),
  );
  return servers.length === 0 ? {} : { servers };
}

/** Name of the directory, in that of the merged run, with the files of a part. */
export function shardDirectory(result: RunResult): string {
  return `shard-${shardOf(result).index}`;
}
