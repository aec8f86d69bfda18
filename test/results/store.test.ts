import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import * as z from 'zod/mini';
import { type RunResult, runResult } from '../../src/results/run-result.ts';
import {
  createRun,
  finishRun,
  listRuns,
  makeId,
  namesOfIds,
  parseId,
  pruneRuns,
  RUN_FILES,
  type RunDirectory,
  readRun,
  resultOf,
} from '../../src/results/store.ts';
import { identifyProcess, identifySelf } from '../../src/sys/process-identity.ts';
import { complaintOf } from '../support/complaint.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';
import { CHECKOUT } from '../support/workspace.ts';
import { aResult } from './a-result.ts';

const START = new Date('2026-11-23T02:15:57.123Z');

let parent: string;
beforeEach(() => {
  parent = join(makeTemporaryDirectory(), 'state/runs');
});

/** A run that began so many minutes after START and has ended, a second later unless said. */
function finishedRun(minutes: number, changes: Partial<RunResult> = {}): RunDirectory {
  const started = new Date(START.getTime() + minutes * 60_000);
  const run = createRun(parent, changes.cut ?? 'fstests-xfs', started);
  finishRun(run, aResult({ id: run.id, started: started.toISOString(), ...changes }));
  return run;
}

/** A run whose process has ended: a zombie counts as ended, and keeps its pid from being reused. */
function lostRun(minutes: number): RunDirectory {
  const run = createRun(parent, 'lost', new Date(START.getTime() + minutes * 60_000));
  writeFileSync(join(run.path, 'running'), JSON.stringify({ ...identifySelf(), startTime: '1' }));
  return run;
}

const runsIn = (directory: string): string[] =>
  listRuns(directory).map(({ id, state }) => `${id.slice(9, 15)} ${state}`);

describe('a run', () => {
  test('has a private directory named after its start in UTC, its cut and a random part', () => {
    const run = createRun(parent, 'simple-example', START);
    expect(run.id).toMatch(/^20261123-021557-simple-example-[0-9a-f]{4}$/);
    expect(run.path).toBe(join(parent, run.id));
    expect(run.file('console.log')).toBe(join(parent, run.id, 'console.log'));
    expect(statSync(run.path).mode & 0o777).toBe(0o700);
    expect(statSync(parent).mode & 0o777).toBe(0o700);
    expect(JSON.parse(readFileSync(join(run.path, 'running'), 'utf8'))).toEqual(identifySelf());
    expect(readdirSync(parent)).toEqual([run.id]);
  });

  test('shares its directory with no other, not even of the same second', () => {
    const ids = Array.from({ length: 300 }, () => createRun(parent, 'same', START).id);
    expect(new Set(ids).size).toBe(300);
    expect(runsIn(parent)).toHaveLength(300);
  });

  test('of a cut with a strange name has a valid file name', () => {
    const random = Buffer.from([0x3f, 0x2a]);
    expect(makeId('my cut/ü', START, random)).toBe('20261123-021557-my-cut--3f2a');
    expect(makeId('', START, random)).toBe('20261123-021557-run-3f2a');
    expect(makeId('x'.repeat(300), START, random)).toHaveLength(121);
  });

  test('has a result once it has ended, and `latest` points to it', () => {
    const run = createRun(parent, 'simple-example', START);
    const result = aResult({ id: run.id });
    finishRun(run, result);
    expect(readdirSync(run.path)).toEqual(['result.json']);
    expect(JSON.parse(readFileSync(join(parent, 'latest/result.json'), 'utf8'))).toEqual(
      JSON.parse(JSON.stringify(result)),
    );
    expect(statSync(run.file('result.json')).mode & 0o777).toBe(0o600);
    expect(readlinkSync(join(parent, 'latest'))).toBe(run.id);
  });

  test('that ended last is the latest, whenever it began', () => {
    const long = createRun(parent, 'long', START);
    const short = finishedRun(1);
    expect(readlinkSync(join(parent, 'latest'))).toBe(short.id);
    finishRun(long, aResult({ id: long.id, times: { ...aResult().times, total: 3_600_000 } }));
    expect(readlinkSync(join(parent, 'latest'))).toBe(long.id);
    expect(readRun(parent, 'latest').id).toBe(long.id);
    expect(readRun(parent, 'latest~1').id).toBe(short.id);
    expect(readdirSync(parent).sort()).toEqual([long.id, short.id, 'latest'].sort());
  });
});

describe('the list', () => {
  test('is empty if nothing was run', () => {
    expect(listRuns(parent)).toEqual([]);
  });

  test('shows the newest first, and those that run, were lost, or cannot be read', () => {
    finishedRun(0);
    lostRun(1);
    createRun(parent, 'mine', new Date(START.getTime() + 2 * 60_000));
    const half = finishedRun(3);
    writeFileSync(half.file('result.json'), readFileSync(half.file('result.json')).subarray(0, 99));
    const newer = finishedRun(4);
    writeFileSync(newer.file('result.json'), '{"version": 7}');
    const directory = finishedRun(5);
    rmSync(directory.file('result.json'));
    mkdirSync(directory.file('result.json'));
    expect(listRuns(parent)).toMatchObject([
      { state: 'unreadable', reason: expect.stringContaining('is a directory') },
      { state: 'unreadable', reason: 'written by a newer rapido (format version 7)' },
      { state: 'unreadable', reason: 'not valid JSON' },
      { state: 'running' },
      { state: 'lost' },
      { state: 'finished', result: { verdict: 'pass' } },
    ]);
  });

  test('shows a run as running while its process lives', async () => {
    const maker = spawn('sleep', ['60']);
    onTestFinished(() => void maker.kill());
    await once(maker, 'spawn');
    const run = createRun(parent, 'theirs', START);
    writeFileSync(join(run.path, 'running'), JSON.stringify(identifyProcess(maker.pid ?? 0)));
    expect(runsIn(parent)).toEqual(['021557 running']);
    maker.kill('SIGKILL');
    await once(maker, 'exit');
    expect(runsIn(parent)).toEqual(['021557 lost']);
  });

  test.each([
    ['pipe', (path: string) => void spawnSync('mkfifo', [path]), 'not a regular file'],
    ['file without end', (path: string) => truncateSync(path, 2 ** 40), 'too large'],
  ])('does not wait for a %s in place of a result', (_, make, reason) => {
    const run = finishedRun(0);
    if (reason === 'not a regular file') rmSync(run.file('result.json'));
    make(run.file('result.json'));
    expect(listRuns(parent)).toMatchObject([{ state: 'unreadable', reason }]);
  });

  test('shows only runs of rapido', () => {
    finishedRun(0);
    writeFiles(parent, {
      'notes.txt': '',
      'linux/result.json': JSON.stringify(aResult()),
      '20261123-021557-of-mine-beef': 'a file',
      '20261123-021557-of-mine-cafe/thesis.tex': 'a directory that only looks like a run',
    });
    expect(runsIn(parent)).toEqual(['021557 finished']);
  });
});

describe('pruning', () => {
  test('removes the oldest and returns their names', () => {
    const [first, second, third] = [finishedRun(0), finishedRun(1), finishedRun(2)];
    expect(pruneRuns(parent, 3)).toEqual([]);
    expect(pruneRuns(parent, 1)).toEqual([second.id, first.id]);
    expect(readdirSync(parent).sort()).toEqual([third.id, 'latest']);
  });

  test('never removes the latest, which counts as one that is kept', () => {
    const long = createRun(parent, 'long', START);
    const others = [finishedRun(1), finishedRun(2), finishedRun(3)];
    finishRun(long, aResult({ id: long.id }));
    pruneRuns(parent, 2);
    expect(listRuns(parent).map(({ id }) => id)).toEqual([others[2]?.id, long.id]);
    pruneRuns(parent, 0);
    expect(listRuns(parent).map(({ id }) => id)).toEqual([long.id]);
  });

  test.runIf(process.getuid?.() === 0)('neither counts nor removes runs of others', () => {
    chownSync(finishedRun(0).path, 65534, 65534);
    finishedRun(1);
    finishedRun(2);
    pruneRuns(parent, 1);
    expect(runsIn(parent)).toEqual(['021757 finished', '021557 finished']);
  });

  test('keeps running ones, and does not count them', () => {
    createRun(parent, 'mine', START);
    finishedRun(1);
    finishedRun(2);
    pruneRuns(parent, 2);
    expect(runsIn(parent)).toEqual(['021757 finished', '021657 finished', '021557 running']);
  });

  test('removes lost and unreadable ones in their turn', () => {
    lostRun(0);
    writeFileSync(finishedRun(1).file('result.json'), '{');
    finishedRun(2);
    pruneRuns(parent, 1);
    expect(runsIn(parent)).toEqual(['021757 finished']);
  });

  test('keeps everything else, and follows no link', () => {
    const elsewhere = join(parent, '../elsewhere');
    writeFiles(elsewhere, { 'result.json': '{}', precious: '' });
    const others = {
      'notes.txt': '',
      'linux/result.json': '{}',
      '20200101-000000-of-mine-cafe/thesis.tex': '',
    };
    writeFiles(parent, others);
    symlinkSync(elsewhere, join(parent, '20200101-000000-linked-beef'));
    finishedRun(0);
    symlinkSync(elsewhere, join(finishedRun(-1).path, 'guest'));
    const latest = finishedRun(1);
    pruneRuns(parent, 1);
    expect(readdirSync(parent).sort()).toEqual(
      [
        '20200101-000000-linked-beef',
        '20200101-000000-of-mine-cafe',
        latest.id,
        'latest',
        'linux',
        'notes.txt',
      ].sort(),
    );
    expect(readdirSync(elsewhere).sort()).toEqual(['precious', 'result.json']);
    for (const name of Object.keys(others)) expect(existsSync(join(parent, name))).toBe(true);
  });

  test('removes what a killed pruning has left', () => {
    const run = finishedRun(0);
    const litter = join(parent, `.${run.id}.${process.pid}-1-00000000.tmp`);
    renameSync(run.path, litter);
    pruneRuns(parent, 50);
    expect(existsSync(litter)).toBe(false);
  });

  test('ignores a missing directory', () => {
    expect(pruneRuns(parent, 1)).toEqual([]);
  });
});

describe('a run is found by', () => {
  let old: RunDirectory;
  let recent: RunDirectory;
  beforeEach(() => {
    old = finishedRun(0);
    recent = finishedRun(1, { cut: 'blktests' });
  });

  test('its ID, the beginning of it, its last four digits', () => {
    const names = [old.id, '20261123-021557', old.id.slice(-4)];
    expect(names.map((name) => readRun(parent, name).id)).toEqual([old.id, old.id, old.id]);
  });

  test('`latest`, and the number of runs that ended after it', () => {
    expect(readRun(parent, 'latest').id).toBe(recent.id);
    expect(readRun(parent, 'latest~0').id).toBe(recent.id);
    expect(readRun(parent, 'latest~1').id).toBe(old.id);
  });

  test('the latest of its cut, and the number of runs of that cut that ended after it', () => {
    const newest = finishedRun(2, { cut: 'blktests' });
    const nameOf = (name: string) => readRun(parent, name).id;
    expect(nameOf('latest:fstests-xfs')).toBe(old.id);
    expect(nameOf('latest:fstests_xfs')).toBe(old.id); // As the original tool wrote it.
    expect(nameOf('latest:blktests')).toBe(newest.id);
    expect(nameOf('latest:blktests~1')).toBe(recent.id);
    expect(readRun(parent, 'latest~1', 'blktests').id).toBe(recent.id);
    expect(listRuns(parent, 'blktests').map(({ id }) => id)).toEqual([newest.id, recent.id]);
  });

  test('the path of its directory or of its result, also of a copy', () => {
    const copy = join(parent, '../r1');
    cpSync(old.path, copy, { recursive: true });
    const paths = [copy, join(copy, 'result.json'), join(parent, 'latest/')];
    expect(paths.map((path) => readRun('/nowhere', path).id)).toEqual([old.id, old.id, recent.id]);
    expect(readRun('/nowhere', copy).file('console.log')).toBe(join(parent, '../r1/console.log'));
  });

  test('a short name, if it is unique', () => {
    const ids = ['20261123-021557-a-beef', '20261123-021657-b-cafe', '20261123-021757-c-cafe'];
    expect(ids.map((id) => namesOfIds(ids)(id))).toEqual([
      'beef',
      '20261123-021657',
      '20261123-021757',
    ]);
    const twins = ['20261123-021557-a-cafe', '20261123-021557-b-cafe'];
    expect(twins.map((id) => namesOfIds(twins)(id))).toEqual(twins);
    // The four digits with which every ID of the year begins are no name either.
    const year = '20261123-021857-a-2026';
    expect(namesOfIds([year, ...ids])(year)).toBe('20261123-021857');
  });

  test('no wrong name: the nearest are in the hint', async () => {
    const complain = (name: string) =>
      complaintOf(() => readRun(parent, name), {
        OLD: old.id,
        RECENT: recent.id,
        RUNS: parent,
      });
    expect(await complain('20261123-021557-fstests-xfx')).toMatchInlineSnapshot(`
      "rapido: error: no run 20261123-021557-fstests-xfx in RUNS
        hint: nearest: OLD; \`rapido results\` lists all"
    `);
    expect(await complain('blktests')).toMatchInlineSnapshot(`
      "rapido: error: no run blktests in RUNS
        hint: latest:blktests is that target's last run; \`rapido results --cut blktests\` lists all"
    `);
    expect(await complain('latest:blktest')).toMatchInlineSnapshot(`
      "rapido: error: no blktest runs in RUNS
        hint: did you mean blktests?"
    `);
    expect(await complain('latest:ltp')).toMatchInlineSnapshot(`
      "rapido: error: no ltp runs in RUNS
        hint: targets with runs: blktests, fstests-xfs"
    `);
    expect(await complain('latest:blktests~1')).toMatchInlineSnapshot(`
      "rapido: error: latest:blktests~1: only 1 finished run
        hint: \`rapido results\` lists them"
    `);
    expect(await complain('2025')).toMatchInlineSnapshot(`
      "rapido: error: no run 2025 in RUNS
        hint: newest: RECENT, OLD; \`rapido results\` lists all"
    `);
    expect(await complain('20261123')).toMatchInlineSnapshot(`
      "rapido: error: 20261123 is ambiguous (2 runs match)
        hint: use a longer name: RECENT, OLD"
    `);
    expect(await complain('latest~2')).toMatchInlineSnapshot(`
      "rapido: error: latest~2: only 2 finished runs
        hint: \`rapido results\` lists them"
    `);
    expect(await complain('./no/such')).toMatchInlineSnapshot(
      `"rapido: error: ./no/such does not exist"`,
    );
    expect(await complain(`${parent}/`)).toMatchInlineSnapshot(
      `"rapido: error: RUNS/: not a run's directory (no result.json)"`,
    );
    expect(await complain('package.json')).toMatchInlineSnapshot(`
      "rapido: error: no run package.json in RUNS
        hint: to specify a file or directory, use ./package.json"
    `);
  });

  test('no name if there are no runs', async () => {
    const empty = join(parent, 'empty');
    const complain = (name: string) => complaintOf(() => readRun(empty, name), { RUNS: empty });
    expect(await complain('2026')).toMatchInlineSnapshot(`
      "rapido: error: no run 2026 in RUNS
        hint: RUNS contains no runs yet; start one with \`rapido run NAME\`"
    `);
    expect(await complain('latest')).toMatchInlineSnapshot(`
      "rapido: error: no finished runs in RUNS
        hint: rapido run NAME"
    `);
  });
});

test('for a run without a result, says which files to read', async () => {
  const running = createRun(parent, 'mine', START);
  const lost = lostRun(0);
  const broken = finishedRun(1);
  writeFileSync(broken.file('result.json'), '');
  const places = { RUNS: parent, RUNNING: running.id, LOST: lost.id, BROKEN: broken.id };
  const complaints = [running, lost, broken].map(({ id }) =>
    complaintOf(() => resultOf(readRun(parent, id)), places),
  );
  expect((await Promise.all(complaints)).join('\n')).toMatchInlineSnapshot(`
    "rapido: error: RUNNING is still running
      hint: tail -f 'RUNS/RUNNING/console.log'
    rapido: error: LOST has no result; its rapido process was killed
      hint: see its files in RUNS/LOST
    rapido: error: RUNS/BROKEN/result.json: empty"
  `);
});

test('an ID contains the start of the run and its cut', () => {
  expect(parseId('20261123-021557-simple-example-3f2a')).toEqual({
    started: new Date('2026-11-23T02:15:57Z'),
    cut: 'simple-example',
  });
  expect(parseId('20261399-021557-simple-example-3f2a')).toBeUndefined();
  expect(parseId('notes')).toBeUndefined();
});

/** The names of fields and the fixed values in a JSON schema. */
function namesIn(schema: unknown): string[] {
  if (Array.isArray(schema)) return schema.flatMap(namesIn);
  if (typeof schema !== 'object' || schema === null) return [];
  return Object.entries(schema).flatMap(([key, value]) => {
    if (key === 'enum') return value;
    return [...(key === 'properties' ? Object.keys(value) : []), ...namesIn(value)];
  });
}

test('docs/results.md describes every field of result.json and every file of a run', () => {
  const doc = readFileSync(join(CHECKOUT, 'docs/results.md'), 'utf8');
  const names = namesIn(z.toJSONSchema(runResult));
  expect(names).toEqual(
    expect.arrayContaining(['version', 'script', 'powerOff', 'excused', 'crash', 'tcg', 'xpass']),
  );
  const named = new Set([...doc.matchAll(/`([\w.]+)`/g)].map(([, name]) => name ?? ''));
  const isNamed = (name: string) => [...named].some((each) => each.split('.').includes(name));
  expect([...new Set(names)].filter((name) => !isNamed(name))).toEqual([]);
  const files = [...RUN_FILES, 'running', 'latest'];
  expect(files.filter((name) => !new RegExp(`\`${name}/?\``).test(doc))).toEqual([]);
});
