import { EXIT } from '../errors.ts';
import { signalStatus } from '../sys/signals.ts';
import {
  describeFailure,
  failedAutoruns,
  hintFor,
  judgeEnding,
  type VmEnding,
  type VmRecord,
  whyReportsUnknown,
} from './ending.ts';
import { describeExit } from './exit-status.ts';
import type { GuestEvent } from './guest-events.ts';

/** How `rapido boot` ends. */
export interface BootJudgement {
  /** Exit status. */
  status: number;
  /** Messages for the user. */
  lines: string[];
  /** Whether the console log may explain what went wrong. */
  isConsoleHelpful: boolean;
}

/** What the boot was started for, and whether its kernel crashed. */
export interface BootExpectation {
  /** Whether a user was at the console. */
  interactive: boolean;
  /** How many autorun scripts the image has. */
  autorun: number;
  /** How the kernel crashed without ending the VM; undefined: it did not. */
  oops: string | undefined;
}

/**
 * Judges a boot that has ended. An unattended boot succeeds only if rapido has received the proof: every autorun
 * script has reported status 0, and the session has reported its end. The absence of errors is not enough.
 */
export function judgeBoot(
  record: VmRecord,
  { interactive, autorun, oops }: BootExpectation,
): BootJudgement {
  const ending = judgeEnding(record);
  const failed = failedAutoruns(record.events).map(
    ({ script, status }) => `autorun script ${nameOf(script)} failed: ${describeExit(status)}`,
  );
  const misplaced = record.events.some(({ event }) => event === 'no-directory')
    ? ['the directory that the cut names is not in the image']
    : [];
  const doubts = interactive
    ? doubtsOfQuit(ending, record.events)
    : doubtsOf(ending, record.events, autorun);
  const crashed =
    oops === undefined || ending.kind === 'panicked'
      ? []
      : [`the kernel crashed: ${oops}; what followed cannot be trusted`];
  const problems = [
    ...describeEnding(ending, record),
    ...crashed,
    ...misplaced,
    ...failed,
    ...doubts,
  ];
  if (ending.kind === 'interrupted') {
    return { status: signalStatus(ending.signal), lines: problems, isConsoleHelpful: true };
  }
  const orderly = ending.kind === 'powered-off' || (interactive && ending.kind === 'quit');
  if (!orderly || problems.length > 0) {
    const isConsoleHelpful = ending.kind !== 'not-started';
    return { status: EXIT.failed, lines: problems, isConsoleHelpful };
  }
  const lines = interactive ? [] : [describeSuccess(record.events)];
  return { status: EXIT.ok, lines, isConsoleHelpful: false };
}

function describeSuccess(events: readonly GuestEvent[]): string {
  const count = events.filter(({ event }) => event === 'autorun-end').length;
  if (count === 0) return 'the VM booted and powered off; there was no autorun script';
  return count === 1 ? 'the autorun script succeeded' : `all ${count} autorun scripts succeeded`;
}

/** Killing the VM is a normal end at the prompt, but not before: the scripts have not ended. */
function doubtsOfQuit(ending: VmEnding, events: readonly GuestEvent[]): string[] {
  if (ending.kind !== 'quit' || events.some(({ event }) => event === 'prompt')) return [];
  return ['VM killed before it reached a prompt'];
}

/** Strips the number that sorts the scripts. */
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
      return [
        'the VM reset without shutting down: a triple fault, or a reboot that bypassed rapido',
      ];
    case 'interrupted':
      return [`interrupted by ${ending.signal}; the VM was ended`];
    case 'no-memory':
      return [ending.message];
    case 'not-started':
      return [
        'QEMU did not start the VM',
        `hint: ${hintFor(qemuSaid) ?? 'check QEMU_EXTRA_ARGS and the arguments after `--`'}`,
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

/** Why an unattended boot that ended without an error does not count as a success. */
function doubtsOf(ending: VmEnding, events: readonly GuestEvent[], autorun: number): string[] {
  if (ending.kind === 'quit') return ['QEMU quit before the VM powered off'];
  if (ending.kind !== 'powered-off') return [];
  if (events.length === 0) return ["the guest's init sent no message"];
  const ended = events.filter(({ event }) => event === 'autorun-end').length;
  if (events.at(-1)?.event === 'power-off') {
    if (ended !== autorun) return [`${ended} of ${autorun} autorun scripts reported their end`];
    const unknown = whyReportsUnknown(events);
    return unknown === undefined
      ? []
      : [`rapido cannot tell whether the kernel crashed: ${unknown}`];
  }
  const last = events.at(-1);
  return [
    last?.event === 'autorun-start'
      ? `autorun script ${nameOf(last.script)} powered off the VM itself; rapido cannot tell whether it succeeded`
      : 'the VM powered off before its session ended',
  ];
}

/** Says what still works without a serial console. */
export function describeNoConsole(number: number): string {
  return `no serial console in this kernel; run commands with rapido exec ${number} -- COMMAND`;
}
