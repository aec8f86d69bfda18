import { afterAll, describe, expect, it } from 'vitest';
import { createRunner } from '../support/runs.ts';
import { createWorkspace } from '../support/workspace.ts';

/** A verdict must not change between runs; RAPIDO_TRIVIAL_RUNS sets their number. */
const RUNS = Number(process.env.RAPIDO_TRIVIAL_RUNS ?? (process.env.CI === undefined ? 10 : 20));

describe('rapido run, repeatedly', () => {
  const home = createWorkspace(afterAll);
  const run = createRunner(home);

  it(`passes ${RUNS} of ${RUNS} times, two at a time`, { timeout: RUNS * 60_000 }, async () => {
    const failures: string[] = [];
    const numbers = Array.from({ length: RUNS }, (_, index) => index);
    const work = async (): Promise<void> => {
      for (let number = numbers.shift(); number !== undefined; number = numbers.shift()) {
        const { status, stdout, stderr } = await run(['simple-example', '--', 'echo', 'fine']);
        if (status !== 0 || stdout !== 'fine\n')
          failures.push(`run ${number}: ${status} ${stderr}`);
      }
    };
    await Promise.all([work(), work()]);
    expect(failures).toEqual([]);
  });
});
