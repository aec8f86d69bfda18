import { type Case, compareWith, emptyScript } from '../bench.ts';

/** Processes of a tenth of a second: more runs cost little, and tell more. */
export const startUp: Case = (bench) =>
  compareWith({ ...bench, runs: bench.runs * 4 }, emptyScript(bench), [
    { candidate: bench.home.rapido('rapido --version', ['--version']), atMost: 1.25 },
    { candidate: bench.home.rapido('rapido list', ['list']) },
  ]);
