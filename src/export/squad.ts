import type { RunResult } from '../results/run-result.ts';
import { toPlainText } from '../ui/plain-text.ts';
import { type Case, type CaseSuite, casesOf, makeUnique } from './cases.ts';
import { describeProperties } from './properties.ts';
import { suiteOf } from './suite-name.ts';

/**
 * What SQUAD takes for a run: each is the content of the field of the same name of a submission,
 * https://squad.readthedocs.io/en/latest/intro.html#submitting-results
 */
export interface SquadSubmission {
  /** `SUITE/TEST`, of which SUITE may have slashes. SQUAD shows `skip` for all but `pass` and `fail`. */
  tests: Record<string, 'pass' | 'fail' | 'skip'>;
  /** In seconds. */
  metrics: Record<string, number>;
  /** Of a run. SQUAD knows `job_id`, which must be unique, `job_status`, `job_url` and `datetime`. */
  metadata: Record<string, string>;
}

/** Describes a run for SQUAD. */
export function describeForSquad(result: RunResult): SquadSubmission {
  const cases = casesOf(result).flatMap((suite, index) => namedCases(result, suite, index === 0));
  const names = makeUnique(cases.map(([name]) => name));
  const tests = cases.map(([, one], index) => [names[index]!, SQUAD_RESULTS[one.kind]] as const);
  const times = cases.flatMap(([, { duration }], index) =>
    duration === undefined ? [] : [[names[index]!, toSeconds(duration)] as const],
  );
  return {
    tests: Object.fromEntries(tests),
    metrics: { ...phasesOf(result), ...Object.fromEntries(times) },
    metadata: describeJob(result),
  };
}

const SQUAD_RESULTS = {
  pass: 'pass',
  fail: 'fail',
  error: 'fail',
  skip: 'skip',
  expected: 'skip',
} as const satisfies Record<Case['kind'], 'pass' | 'fail' | 'skip'>;

function namedCases(result: RunResult, suite: CaseSuite, isFirst: boolean): [string, Case][] {
  const prefix = isFirst ? suiteOf(result) : suite.name.replaceAll(' ', '-');
  return suite.cases.map((one) => [`${prefix}/${toPlainText(one.name).trim() || 'unnamed'}`, one]);
}

function phasesOf({ times }: RunResult): Record<string, number> {
  return Object.fromEntries(
    Object.entries(times).flatMap(([phase, ms]) =>
      ms === undefined ? [] : [[`rapido/${phase}`, toSeconds(ms)]],
    ),
  );
}

function describeJob(result: RunResult): Record<string, string> {
  const { run: _, verdict: __, ...properties } = describeProperties(result);
  return {
    job_id: result.id,
    job_status: result.verdict,
    ...(result.ci?.url !== undefined && { job_url: result.ci.url }),
    // As printed by `date --iso-8601=seconds`.
    datetime: result.started.replace(/\.\d+Z$/, '+00:00'),
    reason: toPlainText(result.reason),
    ...properties,
  };
}

function toSeconds(ms: number): number {
  return Math.round(ms) / 1000;
}
