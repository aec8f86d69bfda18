import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Chalk } from 'chalk';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { RunResult } from '../../src/results/run-result.ts';
import { createRun, finishRun, type RunDirectory } from '../../src/results/store.ts';
import { type ResultsOptions, runResults } from '../../src/show/results.ts';
import { createUi } from '../../src/ui/terminal.ts';
import { aResult, aSplat, tests } from '../results/a-result.ts';
import { complaintOf } from '../support/complaint.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';

let results: string;
beforeEach(() => {
  results = join(makeTemporaryDirectory(), 'runs');
  mkdirSync(results);
});

/** What `rapido results` prints and exits with. */
async function show(names: string[], options: ResultsOptions = { results }) {
  const written = { stdout: '', stderr: '' };
  const streamTo = (name: keyof typeof written) => ({
    write: (text: string) => {
      written[name] += text;
    },
  });
  const ui = createUi(streamTo('stdout'), streamTo('stderr'), {});
  const status = await runResults(names, options, { ...ui, paint: new Chalk({ level: 0 }) });
  return { status, ...written };
}

function finishedRun(minute: number, changes: Partial<RunResult> = {}): RunDirectory {
  const started = new Date(Date.UTC(2026, 10, 23, 2, minute));
  const run = createRun(results, 'fstests-xfs', started);
  finishRun(run, aResult({ id: run.id, started: started.toISOString(), ...changes }));
  return run;
}

test('without runs: a message on stderr, nothing on stdout, no failure', async () => {
  expect(await show([])).toEqual({
    status: 0,
    stdout: '',
    stderr: `no runs yet in ${results}; start one with \`rapido run\`\n`,
  });
  expect(await show([], { results, json: true })).toEqual({
    status: 0,
    stdout: '[]\n',
    stderr: '',
  });
});

test('without --results: the runs of the state directory', async () => {
  vi.stubEnv('XDG_STATE_HOME', join(results, 'state'));
  const { stderr } = await show([], {});
  vi.unstubAllEnvs();
  expect(stderr).toContain(`no runs yet in ${join(results, 'state/rapido/runs')};`);
});

test('a directory that cannot be read does not look empty', async () => {
  vi.stubEnv('XDG_STATE_HOME', results);
  mkdirSync(join(results, 'rapido'));
  // It leads to itself, which root cannot read either.
  symlinkSync('runs', join(results, 'rapido/runs'));
  await expect(show([], {})).rejects.toThrow(`cannot read ${join(results, 'rapido/runs')}: `);
  vi.unstubAllEnvs();
});

test('the list, newest first; a broken result is reported on stderr', async () => {
  const old = finishedRun(1);
  const recent = finishedRun(2, { verdict: 'crash' });
  const broken = finishedRun(3);
  writeFileSync(broken.file('result.json'), '{');
  createRun(results, 'running', new Date(Date.UTC(2026, 10, 23, 3)));
  const { status, stdout, stderr } = await show([]);
  expect(status).toBe(0);
  expect(stdout.match(/running|unreadable|crash|pass/g)).toEqual([
    'running',
    'running',
    'unreadable',
    'crash',
    'pass',
  ]);
  expect(stderr).toBe(`warning: ${broken.file('result.json')}: not valid JSON\n`);
  const json = JSON.parse((await show([], { results, json: true })).stdout);
  expect(json.map(({ id }: RunResult) => id)).toEqual([recent.id, old.id]);
});

test('one run: exit status 0 whatever its verdict; a splat by its line in the log', async () => {
  const run = finishedRun(1, {
    verdict: 'splat',
    status: 121,
    reason: 'the kernel reported a problem',
    splats: [aSplat()],
  });
  writeFileSync(run.file('console.log'), `one\r\ntwo\r\n${aSplat().text}\r\n`);
  const { status, stdout } = await show(['latest']);
  expect(status).toBe(0);
  expect(stdout).toMatch(/^splat: the kernel reported a problem\n/);
  expect(stdout).toContain(`text: ${run.file('console.log')}:3\n`);
  expect(stdout.split('\n').slice(-4)).toEqual([
    'files',
    `  ${run.file('result.json')}`,
    `  ${run.file('console.log')}`,
    '',
  ]);
  expect(JSON.parse((await show([run.id], { results, json: true })).stdout)).toEqual(
    JSON.parse(readFileSync(run.file('result.json'), 'utf8')),
  );
});

test('two runs: exit status 1 if the second is worse, in every format', async () => {
  finishedRun(1, { tests: tests({ 'xfs/001': 'pass' }) });
  const broke = finishedRun(2, { tests: tests({ 'xfs/001': 'fail' }) });
  const worse = await show(['latest~1', broke.path]);
  expect(worse).toMatchObject({ status: 1, stderr: '' });
  expect(worse.stdout).toMatch(/^B is worse than A\n {2}- a test newly fails\n/);
  expect((await show(['latest', 'latest~1'])).status).toBe(0);
  const json = await show(['latest~1', 'latest'], { results, json: true });
  expect(json.status).toBe(1);
  expect(JSON.parse(json.stdout)).toMatchObject({
    version: 1,
    tests: { newlyFailing: [{ name: 'xfs/001', a: 'pass', b: 'fail' }] },
    worse: ['a test newly fails'],
  });
});

test('only the runs of one cut, with names that are unique among all', async () => {
  finishedRun(1);
  const started = new Date(Date.UTC(2026, 10, 23, 2, 5));
  const other = createRun(results, 'ltp', started);
  finishRun(other, aResult({ id: other.id, cut: 'ltp', started: started.toISOString() }));
  const { status, stdout } = await show([], { results, cut: 'ltp' });
  expect(status).toBe(0);
  expect(stdout.split('\n')).toHaveLength(3);
  expect(stdout).toContain('ltp');
  const json = JSON.parse((await show([], { results, cut: 'ltp', json: true })).stdout);
  expect(json).toMatchObject([{ id: other.id }]);
  expect((await show(['latest'], { results, cut: 'ltp' })).stdout).toContain(other.id);
});

test('a comparison that is not possible: 2, as of diff', async () => {
  finishedRun(1);
  const lost = createRun(results, 'ltp', new Date());
  writeFileSync(join(lost.path, 'running'), '{}');
  await expect(show(['latest', lost.id])).rejects.toMatchObject({ exitCode: 2 });
  await expect(show([lost.id])).rejects.toMatchObject({ exitCode: 1 });
});

describe('--html', () => {
  const pageOf = async (names: string[]) => {
    const html = join(results, 'page.html');
    const { status, stdout } = await show(names, { results, html });
    expect(stdout).toBe('');
    expect(statSync(html).mode & 0o777).toBe(0o644);
    return { status, html: readFileSync(html, 'utf8') };
  };

  test('one run, with its logs', async () => {
    const run = finishedRun(1, { verdict: 'splat', reason: 'a problem', splats: [aSplat()] });
    writeFileSync(run.file('console.log'), `one\r\ntwo\r\n${aSplat().text}\r\n`);
    const { status, html } = await pageOf(['latest']);
    expect(status).toBe(0);
    expect(html).toContain(`<title>splat: fstests-xfs, ${run.id}</title>`);
    expect(html).toContain('<a href="#L3">console.log line 3</a>');
  });

  test('two runs: the exit status is that of the comparison; slower than in earlier runs', async () => {
    const timed = (duration: number) => ({
      tests: [{ name: 'xfs/001', status: 'pass' as const, duration }],
    });
    for (const minute of [1, 2, 3]) finishedRun(minute, timed(10_000 + minute));
    finishedRun(4, timed(30_000));
    const { status, html } = await pageOf(['latest~1', 'latest']);
    expect(status).toBe(0);
    expect(html).toContain('10.0 s to 10.0 s in 3 runs');
    finishedRun(5, { tests: tests({ 'xfs/001': 'fail' }) });
    expect((await pageOf(['latest~1', 'latest'])).status).toBe(1);
  });

  test('all runs', async () => {
    finishedRun(1, { tests: tests({ 'xfs/001': 'pass' }) });
    finishedRun(2, { tests: tests({ 'xfs/001': 'fail' }) });
    const { status, html } = await pageOf([]);
    expect(status).toBe(0);
    expect(html).toContain('"class":"regression"');
  });
});

test('a comparison with a run that tested nothing is refused: nothing would be worse than it', async () => {
  const reason = '--build: KERNEL_SRC is not set';
  const base = finishedRun(1, { verdict: 'error', reason, tests: [] });
  finishedRun(2, { verdict: 'fail' });
  const complaint = await complaintOf(() => show(['latest~1', 'latest']));
  expect(complaint).toContain(`run ${base.id} tested nothing: ${reason}`);
  const html = join(results, 'page.html');
  expect(await complaintOf(() => show(['latest~1', 'latest'], { results, html }))).toBe(complaint);
});

test('mistakes', async () => {
  const complain = (names: string[], options: ResultsOptions = { results }) =>
    complaintOf(() => show(names, options), { RUNS: results });
  expect(await complain(['a', 'b', 'c'])).toMatchInlineSnapshot(`
    "rapido: error: 3 runs were given; at most two can be compared
      hint: rapido results latest~1 latest"
  `);
  expect(await complain(['a'])).toMatchInlineSnapshot(`
    "rapido: error: no run a in RUNS
      hint: RUNS contains no runs yet; start one with \`rapido run NAME\`"
  `);
  expect(await complain([], { results: join(results, 'no') })).toMatchInlineSnapshot(
    `"rapido: error: --results: RUNS/no is not a directory"`,
  );
});
