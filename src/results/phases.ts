import type { RunTimes } from './run-result.ts';

/** The phases of a run, in their order: the field of `times`, and what users call it. */
const PHASES = [
  ['build', 'build'],
  ['cut', 'cut'],
  ['servers', 'servers'],
  ['boot', 'boot'],
  ['autorun', 'autorun'],
  ['command', 'command'],
  ['powerOff', 'power off'],
] as const satisfies readonly (readonly [keyof RunTimes, string])[];

type PhaseName = (typeof PHASES)[number][1];

/** The name and the milliseconds of each phase that a run had. */
export function listPhases(times: RunTimes): [name: PhaseName, ms: number][] {
  return PHASES.flatMap(([phase, name]) => {
    const ms = times[phase];
    return ms === undefined ? [] : [[name, ms] as [PhaseName, number]];
  });
}
