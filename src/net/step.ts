import type { Argv } from '../sys/command-line.ts';
import type { DhcpServer } from './dhcp-server.ts';
import type { UplinkRecord } from './uplink.ts';

/** One change to the network of this host, and how to undo it. */
export type Step =
  | { kind: 'run'; argv: Argv; undo: Argv[] }
  /** Record the state of BR_IF, or remove the record. */
  | { kind: 'remember' | 'forget'; record: UplinkRecord }
  /** Start a DHCP server, which keeps running. */
  | { kind: 'serve'; argv: Argv }
  | { kind: 'stop-serving'; server: DhcpServer };

/** Steps, and messages about them. */
export interface HostPlan {
  steps: Step[];
  /** One line per change. */
  changes: string[];
  /** Other messages for the user. */
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
