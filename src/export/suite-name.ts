import type { RunResult } from '../results/run-result.ts';

/**
 * The name under which other systems know the tests of a run: that of the suite (`fstests`, `blktests`, `ltp`), or, if
 * the output has the format of many suites or of none, that of the cut.
 */
export function suiteOf({ suite, cut }: Pick<RunResult, 'suite' | 'cut'>): string {
  return suite ?? cut;
}
