import { EXIT } from '../errors.ts';
import { signalStatus } from '../sys/signals.ts';
import {
  describeFailure,
  failedAutoruns,
  hintFor,
  judgeEnding,
  unknownComplaints,
  type VmEnding,
  type VmRecord,
} from './ending.ts';
import type { GuestEvent } from './guest-events.ts';

/** How `rapido boot` ends. */
export interface BootOutcome {
  /** Exit status. */
  status: number;
  /** What the user is told, if there is anything to tell. */
  lines: string[];
  /** Something went wrong that the console may tell more of. */
  consoleTells: boolean;
}

/** What there was to see. */
export interface BootExpectation {
  /** Somebody watched. */
  interactive: boolean;
  /** How many autorun scripts the image has. */
  autorun: number;
  /** How its kernel crashed, where that did not end the VM; undefined: it did not. */
  oops: string | undefined;
}

/**
 * Judges a boot that is over. With nobody watching, success is what was heard of, not the lack of
 * complaints: every autorun script must have ended with 0, and the session must have come to its end.
 */
export function judgeBoot(
  record: VmRecord,
  { interactive, autorun, oops }: BootExpectation,
): BootOutcome {
  const ending = judgeEnding(record);
  const failed = failedAutoruns(record.events).map(
    ({ script, status }) => `autorun script ${nameOf(script)} failed with status ${status}`,
  );
  const adrift = record.events.some(({ event }) => event === 'no-directory')
    ? ['the directory that the cut names is not in the image']
    : [];
  const doubts = interactive
    ? doubtsOfQuit(ending, record.events)
    : doubtsOf(ending, record.events, autorun);
  const crashed =
    oops === undefined || ending.kind === 'panicked'
      ? []
      : [`the kernel crashed: ${oops}; what came after that cannot be trusted`];
  const problems = [...describeEnding(ending, record), ...crashed, ...adrift, ...failed, ...doubts];
  if (ending.kind === 'interrupted') {
    return { status: signalStatus(ending.signal), lines: problems, consoleTells: true };
  }
  const orderly = ending.kind === 'powered-off' || (interactive && ending.kind === 'quit');
  if (!orderly || problems.length > 0) {
    const consoleTells = ending.kind !== 'not-started';
    return { status: EXIT.failed, lines: problems, consoleTells };
  }
  const lines = interactive ? [] : [describeSuccess(record.events)];
  return { status: EXIT.ok, lines, consoleTells: false };
}

function describeSuccess(events: readonly GuestEvent[]): string {
  const count = events.filter(({ event }) => event === 'autorun-end').length;
  if (count === 0) return 'the VM came up and powered off; there was no autorun script';
  return count === 1 ? 'the autorun script succeeded' : `all ${count} autorun scripts succeeded`;
}

/** Who kills the VM at its prompt means it; before that, the scripts have not come to their end. */
function doubtsOfQuit(ending: VmEnding, events: readonly GuestEvent[]): string[] {
  if (ending.kind !== 'quit' || events.some(({ event }) => event === 'prompt')) return [];
  return ['the VM was ended by hand before it stood at its prompt'];
}

/** Without the number that keeps scripts in their order. */
function nameOf(script: string): string {
  return script.replace(/^\d+-/, '');
}

function describeEnding(ending: VmEnding, record: VmRecord): string[] {
  const { qemuSaid } = record;
  switch (ending.kind) {
    case 'powered-off':
    case 'quit':
      return [];
    case 'panicked':
      return [`the kernel panicked: ${ending.message}`];
    case 'reset':
      return ['the VM reset without shutting down: a triple fault, or a reboot around rapido'];
    case 'interrupted':
      return [`interrupted by ${ending.signal}; the VM was ended`];
    case 'no-memory':
      return [ending.message];
    case 'not-started':
      return [
        'QEMU did not start the VM',
        `hint: ${hintFor(qemuSaid) ?? 'look at QEMU_EXTRA_ARGS and at what follows `--`'}`,
      ];
    case 'failed':
      return [describeFailure(ending, record)];
    case 'lost':
      return [`the VM was lost: ${ending.reason}`, ...hintLines(qemuSaid)];
  }
}

function hintLines(qemuSaid: string): string[] {
  const hint = hintFor(qemuSaid);
  return hint === undefined ? [] : [`hint: ${hint}`];
}

/** What keeps an unwatched boot that seems fine from being one. */
function doubtsOf(ending: VmEnding, events: readonly GuestEvent[], autorun: number): string[] {
  if (ending.kind === 'quit') return ['QEMU was told to quit before the VM powered off'];
  if (ending.kind !== 'powered-off') return [];
  if (events.length === 0) return ["nothing was heard of the guest's init"];
  const ended = events.filter(({ event }) => event === 'autorun-end').length;
  if (events.at(-1)?.event === 'power-off') {
    if (ended !== autorun) return [`${ended} of ${autorun} autorun scripts were heard to end`];
    const unknown = unknownComplaints(events);
    return unknown === undefined ? [] : [`whether the kernel crashed is not known: ${unknown}`];
  }
  const last = events.at(-1);
  return [
    last?.event === 'autorun-start'
      ? `autorun script ${nameOf(last.script)} powered the VM off itself; whether it succeeded is not known`
      : 'the VM powered off before its session came to an end',
  ];
}

/** What still works where the kernel has no driver for the console. */
export function describeNoConsole(number: number): string {
  return `the kernel has no serial console: rapido exec ${number} -- COMMAND runs a command in the VM`;
}
