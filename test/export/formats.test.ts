import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createCall } from '../../src/cli/definition.ts';
import { createProgram } from '../../src/cli/program.ts';
import { results } from '../../src/commands/results.ts';
import { detectCi, markSection } from '../../src/export/ci.ts';
import { EXPORT_FORMATS } from '../../src/export/format-names.ts';
import { formatGithubAnnotations, formatGithubSummary } from '../../src/export/github.ts';
import { formatOpenqa } from '../../src/export/openqa.ts';
import { describeForSquad } from '../../src/export/squad.ts';
import { aResult, tests } from '../results/a-result.ts';
import { FAILED, someResult } from './samples.ts';

test('the command offers each format', () => {
  const call = createCall(createProgram([], { rest: undefined, finish: () => {} }), {
    rest: undefined,
    finish: () => {},
  });
  const option = results(call).options.find(({ long }) => long === '--export');
  expect(option?.argChoices).toEqual([...EXPORT_FORMATS]);
});

describe('GitHub', () => {
  test('a summary in which nothing of the guest is markup', () => {
    const evil = aResult({
      verdict: 'fail',
      reason: '# **bold** @user <b>',
      tests: [
        { name: '</code><img src=x>', status: 'fail', output: '</pre><script>x</script>\n\n# a' },
      ],
    });
    const summary = formatGithubSummary(evil);
    expect(summary).not.toMatch(/\*\*|@user|<b>|<img|<script>|^# /m);
    expect(summary).toContain('<details><summary>');
  });

  test('at most 1 MiB, also if the file has something already', () => {
    const many = aResult({
      verdict: 'fail',
      tests: Array.from({ length: 500 }, (_, at) => ({
        name: `t/${at}`,
        status: 'fail' as const,
        output: '#'.repeat(5000),
      })),
    });
    const summary = formatGithubSummary(many);
    expect(Buffer.byteLength(summary)).toBeLessThanOrEqual(1024 * 1024);
    expect(summary).toMatch(/<p>… and \d+ more; see result.json<\/p>/);
    expect(Buffer.byteLength(formatGithubSummary(many, 2000))).toBeLessThanOrEqual(2000);
    expect(formatGithubSummary(many, 10)).toBe('');
  });

  test('at most ten annotations of a kind, each one line', () => {
    const statuses = Object.fromEntries(
      Array.from({ length: 30 }, (_, at) => [`t${at}`, 'fail' as const]),
    );
    const lines = formatGithubAnnotations({ ...FAILED, tests: tests(statuses) });
    expect(lines.filter((line) => line.startsWith('::error'))).toHaveLength(10);
    expect(lines[9]).toBe('::error title=23 more::see result.json');
    fc.assert(
      fc.property(someResult, (result) => {
        for (const line of formatGithubAnnotations(result)) {
          expect(line).toMatch(/^::(error|warning) title=[^\n\r:]*::[^\n\r]*$/);
        }
      }),
    );
  });

  test('a kernel warning is shown at its place in the source', () => {
    const text = 'WARNING: CPU: 0 PID: 1 at fs/foo.c:12 foo_bar+0x12/0x30';
    const [, report] = formatGithubAnnotations({
      ...FAILED,
      splats: [{ ...FAILED.splats[0]!, text, title: 'WARNING in foo_bar' }],
    });
    expect(report).toMatch(/^::error file=fs\/foo\.c,line=12,title=kernel%3A WARNING in foo_bar::/);
  });

  test('the output of the guest cannot be a command', () => {
    const section = { name: 'a', title: 'title', hasGuestOutput: true };
    const { begin, end } = markSection('github', section, 'word');
    expect([begin(1), end(2)]).toEqual([
      ['::group::title', '::stop-commands::word'],
      ['::word::', '::endgroup::'],
    ]);
  });
});

test('GitLab folds a section', () => {
  const section = { name: 'a', title: 'title', hasGuestOutput: true };
  const { begin, end } = markSection('gitlab', section, 'word');
  expect(begin(1)).toEqual(['\x1b[0Ksection_start:1:a[collapsed=true]\r\x1b[0Ktitle']);
  expect(end(2)).toEqual(['\x1b[0Ksection_end:2:a\r\x1b[0K']);
});

test('the CI job is known from its variables', () => {
  expect(detectCi({})).toEqual({});
  expect(
    detectCi({
      GITHUB_ACTIONS: 'true',
      GITHUB_SERVER_URL: 'https://github.com',
      GITHUB_REPOSITORY: 'o/r',
      GITHUB_RUN_ID: '7',
      GITHUB_RUN_ATTEMPT: '2',
    }),
  ).toEqual({ ci: { system: 'github', url: 'https://github.com/o/r/actions/runs/7' }, attempt: 2 });
  const gitlab = { GITLAB_CI: 'true', CI_JOB_URL: 'https://gitlab.com/j/1' };
  expect(detectCi({ ...gitlab, CI_NODE_INDEX: '2', CI_NODE_TOTAL: '5' })).toEqual({
    ci: { system: 'gitlab', url: 'https://gitlab.com/j/1' },
    shard: { index: 2, count: 5 },
  });
  expect(detectCi({ ...gitlab, CI_NODE_TOTAL: '1' })).not.toHaveProperty('shard');
});

test('SQUAD: SUITE/TEST, seconds, and metadata of strings', () => {
  const { tests: sent, metrics, metadata } = describeForSquad(FAILED);
  expect(sent).toMatchObject({
    'fstests/xfs/001': 'pass',
    'fstests/xfs/003': 'fail',
    'fstests/xfs/003 (2)': 'pass',
  });
  expect(metrics).toMatchObject({ 'rapido/boot': 0.9, 'fstests/xfs/003': 3.2 });
  expect(metadata).toMatchObject({ job_id: FAILED.id, datetime: '2026-11-23T02:15:57+00:00' });
  fc.assert(
    fc.property(someResult, (result) => {
      const submission = describeForSquad(result);
      expect(Object.values(submission.tests).includes('fail')).toBe(result.verdict !== 'pass');
      expect(Object.values(submission.metadata).every((value) => typeof value === 'string')).toBe(
        true,
      );
    }),
  );
});

/** What openQA's parser XUnit makes of a report, by its rules: see src/export/openqa.ts. */
function readAsOpenqa(xml: string) {
  return [...xml.matchAll(/<testsuite ([^>]*)>([\s\S]*?)<\/testsuite>/g)].map(([, head, body]) => {
    const attribute = (name: string): string =>
      new RegExp(` ?\\b${name}="([^"]*)"`).exec(head!)![1]!;
    const isBad = Number(attribute('failures')) > 0 || Number(attribute('errors')) > 0;
    const steps = [...body!.matchAll(/<testcase [^>]*>\s*<(\w+)/g)].map(([, element]) => element!);
    const soft = Number(attribute('softfailures')) > 0;
    return { name: attribute('name'), result: isBad ? 'fail' : soft ? 'softfail' : 'ok', steps };
  });
}

describe('openQA', () => {
  test('a module for each suite, a step for each test', () => {
    expect(readAsOpenqa(formatOpenqa(FAILED))).toEqual([
      {
        name: 'fstests-xfs',
        result: 'fail',
        steps: ['passed', 'skipped', 'failure', 'passed', 'softfailure', 'passed', 'error'],
      },
      { name: 'autorun', result: 'ok', steps: ['passed'] },
      { name: 'kernel_log', result: 'fail', steps: ['failure', 'softfailure', 'passed'] },
    ]);
  });

  test('no name has a dot, which would end it', () => {
    const [first] = readAsOpenqa(formatOpenqa(aResult({ cut: 'my.cut v2' })));
    expect(first?.name).toBe('my_cut_v2');
  });

  test('for any result, a module fails unless the verdict is pass', () => {
    fc.assert(
      fc.property(someResult, (result) => {
        const modules = readAsOpenqa(formatOpenqa(result));
        expect(modules.some((each) => each.result === 'fail')).toBe(result.verdict !== 'pass');
      }),
    );
  });
});
