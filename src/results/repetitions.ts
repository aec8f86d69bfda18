import { isFailure } from './compare.ts';
import type { TestResult } from './run-result.ts';

/** The name of a test without the number of its repetition: `generic/001` for `generic/001 #2`. */
export function nameOfTest(name: string): string {
  return name.replace(/ #\d+$/, '');
}

/**
 * The names of tests that ran several times in a run, with different outcomes: at least one failed and one did not.
 * @returns names without the number of the repetition
 */
export function findFlaky(tests: readonly TestResult[]): Set<string> {
  const outcomes = new Map<string, Set<boolean>>();
  for (const test of tests) {
    if (test.status === 'skip' || test.status === 'interrupted') continue;
    const name = nameOfTest(test.name);
    outcomes.set(name, (outcomes.get(name) ?? new Set()).add(isFailure(test)));
  }
  return new Set([...outcomes].filter(([, seen]) => seen.size > 1).map(([name]) => name));
}
