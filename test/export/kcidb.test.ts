import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { describeForKcidb } from '../../src/export/kcidb.ts';
import type { RunResult } from '../../src/results/run-result.ts';
import { aResult, tests } from '../results/a-result.ts';
import { FAILED, someResult } from './samples.ts';

const schema = JSON.parse(readFileSync(new URL('kcidb-schema-5.3.json', import.meta.url), 'utf8'));
const ajv = new Ajv2020({ allErrors: true });
addFormats.default(ajv);
const isValid = ajv.compile(schema);

interface Report {
  checkouts: Record<string, unknown>[];
  builds: Record<string, unknown>[];
  tests: { id: string; path: string; status: string; [name: string]: unknown }[];
}

/** The report as it is sent, after the schema has accepted it. */
function send(result: RunResult, origin?: string): Report {
  const report = JSON.parse(JSON.stringify(describeForKcidb(result, origin)));
  isValid(report);
  expect(isValid.errors ?? []).toEqual([]);
  return report;
}

test('the checkout, the build, and a test for the run, each test and each report', () => {
  expect(send(FAILED)).toMatchSnapshot();
});

test('paths are fstests.xfs.003; the run is the root of its tests', () => {
  const paths = send(FAILED).tests.map(({ path, status }) => `${path} ${status}`);
  expect(paths).toEqual([
    'fstests FAIL',
    'fstests.xfs.001 PASS',
    'fstests.xfs.002 SKIP',
    'fstests.xfs.003 FAIL',
    'fstests.xfs.003 PASS',
    'fstests.xfs.004 PASS',
    'fstests.xfs.005 PASS',
    'fstests.xfs.006_2 ERROR',
    'kernel_log.kasan FAIL',
    'kernel_log.warning PASS',
  ]);
});

test('a suite that rapido does not know is named like the cut', () => {
  const { tests: sent } = send(
    aResult({ cut: 'kselftest', tests: tests({ 'net/tls.a.b': 'pass' }) }),
  );
  expect(sent.map(({ path }) => path)).toEqual(['kselftest', 'kselftest.net.tls_a_b']);
});

test('a tree with local changes is a checkout of its own, not that of its commit', () => {
  const { kernel } = FAILED;
  const dirty = { ...FAILED, kernel: { ...kernel!, git: 'v6.18-rc6-dirty' } };
  expect(send(FAILED).checkouts[0]).toMatchObject({
    id: `rapido:${kernel!.commit}`,
    patchset_hash: '',
  });
  expect(send(dirty).checkouts[0]).toMatchObject({ id: `rapido:${kernel!.commit}-${FAILED.id}` });
  expect(send(dirty).checkouts[0]).not.toHaveProperty('patchset_hash');
});

test('an excerpt of a log has at most 16,384 characters', () => {
  const output = `${'x'.repeat(50_000)}\0end`;
  const { tests: sent } = send(aResult({ tests: [{ name: 'a', status: 'fail', output }] }));
  expect(sent[1]!.log_excerpt).toMatch(/^x+ end$/);
});

test('all IDs begin with the name of the CI system', () => {
  const report = send(FAILED, 'my_lab');
  const all = [...report.checkouts, ...report.builds, ...report.tests];
  expect(
    all.every(({ id, origin }) => String(id).startsWith('my_lab:') && origin === 'my_lab'),
  ).toBe(true);
  expect(new Set(report.tests.map(({ id }) => id)).size).toBe(report.tests.length);
});

test('the schema accepts any result', () => {
  fc.assert(
    fc.property(someResult, (result) => {
      send(result);
    }),
    { numRuns: 300 },
  );
});
