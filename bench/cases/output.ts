import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Case } from '../bench.ts';
import { runOnce, spreadOf } from '../measure.ts';

const MEGABYTES = 50;

/** Measures the throughput of a command's output to the host, and the CPU time for a flooded console. */
export const printing: Case = async ({ home, runs, onRun }) => {
  const results = join(home.directory, 'results');
  const speeds: number[] = [];
  for (let run = 0; run <= Math.min(runs, 3); run++) {
    onRun('output of a command', run);
    rmSync(results, { recursive: true, force: true });
    const script = `head -c ${MEGABYTES * 1_000_000} /dev/zero`;
    await home.call(['run', 'simple-example', '-q', '--results', results, '-x', script]);
    const shown = await home.call(['results', '--results', results, 'latest', '--json']);
    if (run > 0) speeds.push(MEGABYTES / (JSON.parse(shown).times.command / 1000));
  }
  const shares: number[] = [];
  for (let run = 1; run <= 3; run++) {
    onRun('a flooded console', run);
    const flood = 'for i in {1..30}; do seq 2000; done > /dev/console';
    const { ms, cpuMs } = await runOnce(
      home.rapido('a flooded console', ['run', 'simple-example', '-q', '-x', flood]),
    );
    shares.push((cpuMs / ms) * 100);
  }
  return [
    { what: "output of a guest's command", value: spreadOf(speeds), unit: 'MB/s' },
    { what: 'CPU of rapido while its console is flooded', value: spreadOf(shares), unit: '%' },
  ];
};
