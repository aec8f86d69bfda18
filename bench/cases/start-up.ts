import { type Case, compareWith, emptyScript } from '../bench.ts';

/** Measures short commands. They take about 0.1 s, so more runs cost little and reduce noise. */
export const startUp: Case = (bench) =>
  compareWith({ ...bench, runs: bench.runs * 4 }, emptyScript(bench), [
    { candidate: bench.home.rapido('rapido --version', ['--version']), atMost: 1.25 },
    { candidate: bench.home.rapido('rapido list', ['list']) },
  ]);
