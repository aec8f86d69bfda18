import type { Argv } from '../sys/command-line.ts';
import type { DhcpServer } from './dhcp-server.ts';
import type { UplinkRecord } from './uplink.ts';

/** One thing to do to the network of this host, and how it is taken back. */
export type Step =
  | { kind: 'run'; argv: Argv; undo: Argv[] }
  /** Keep what BR_IF was like; forget it. */
  | { kind: 'remember' | 'forget'; record: UplinkRecord }
  /** A DHCP server, which goes on running. */
  | { kind: 'serve'; argv: Argv }
  | { kind: 'stop-serving'; server: DhcpServer };

/** What is to be done, and what is told of it. */
export interface HostPlan {
  steps: Step[];
  /** A line for each thing that changes. */
  changes: string[];
  /** What the user should know beside. */
  notes: string[];
}

export function run(argv: Argv, ...undo: Argv[]): Step {
  return { kind: 'run', argv, undo };
}

export const NOTHING: HostPlan = { steps: [], changes: [], notes: [] };

export function joinPlans(parts: readonly HostPlan[]): HostPlan {
  return {
    steps: parts.flatMap(({ steps }) => steps),
    changes: parts.flatMap(({ changes }) => changes),
    notes: parts.flatMap(({ notes }) => notes),
  };
}
