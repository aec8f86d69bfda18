import { UserError } from '../errors.ts';
import { type Argv, formatCommandLine } from '../sys/command-line.ts';
import { runTool } from '../sys/exec.ts';
import { findDhcpServers, stopDhcpServer } from './dhcp-server.ts';
import type { Step } from './step.ts';
import { removeUplinkRecord, writeUplinkRecord } from './uplink.ts';

/**
 * Runs the steps. If one fails, the completed steps are undone.
 * @param isInterrupted checked before each step; if true, the completed steps are undone
 * @returns whether all steps were completed
 */
export async function applySteps(
  steps: readonly Step[],
  isInterrupted: () => boolean,
): Promise<boolean> {
  const done: Step[] = [];
  try {
    for (const step of steps) {
      if (isInterrupted()) {
        await undoSteps(done);
        return false;
      }
      await apply(step);
      done.push(step);
    }
    return true;
  } catch (error) {
    const problems = await undoSteps(done);
    if (!(error instanceof UserError)) throw error;
    throw new UserError(error.message, {
      cause: error,
      problems: [
        ...error.problems,
        ...(problems.length > 0 ? problems : ['all changes were undone']),
      ],
      ...(error.hint !== undefined && { hint: error.hint }),
    });
  }
}

async function apply(step: Step): Promise<void> {
  switch (step.kind) {
    case 'run':
      await command(step.argv);
      return;
    case 'remember':
      writeUplinkRecord(step.record);
      return;
    case 'forget':
      removeUplinkRecord(step.record.uid);
      return;
    case 'serve':
      await command(step.argv);
      return;
    case 'stop-serving':
      await stopDhcpServer(step.server);
      return;
  }
}

/** @returns messages about steps that could not be undone */
async function undoSteps(done: readonly Step[]): Promise<string[]> {
  const problems: string[] = [];
  for (const step of done.toReversed()) {
    try {
      await undo(step);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      problems.push(`not undone: ${[error.message, ...error.problems].join('; ')}`);
    }
  }
  return problems;
}

async function undo(step: Step): Promise<void> {
  switch (step.kind) {
    case 'run':
      for (const argv of step.undo) await command(argv);
      return;
    case 'remember':
      removeUplinkRecord(step.record.uid);
      return;
    case 'forget':
      writeUplinkRecord(step.record);
      return;
    case 'serve': {
      const isOurs = ({ argv }: { argv: Argv }): boolean =>
        JSON.stringify(argv) === JSON.stringify(step.argv);
      for (const server of findDhcpServers().filter(isOurs)) await stopDhcpServer(server);
      return;
    }
    case 'stop-serving':
      await command(step.server.argv);
      return;
  }
}

async function command(argv: Argv): Promise<void> {
  await runTool(argv, { purpose: 'setting up the network' });
}

/** A step as a command line, for `--dry-run`. */
export function describeStep(step: Step): string {
  switch (step.kind) {
    case 'run':
    case 'serve':
      return formatCommandLine(step.argv);
    case 'remember':
      return `# addresses and routes of ${step.record.name} are recorded in /run/rapido`;
    case 'forget':
      return '# that record is removed';
    case 'stop-serving':
      return formatCommandLine(['kill', String(step.server.process.pid)]);
  }
}
