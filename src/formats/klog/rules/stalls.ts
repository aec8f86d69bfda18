import { awaitedFunction, loopingFunction } from '../title.ts';
import { plain, type Rule, suffix, type TitleOf } from './rule.ts';

/** A loop that does not end: see `loopingFunction`. */
function looping(title: string): TitleOf {
  return (_, lines) => title + suffix(loopingFunction(lines));
}

/** `rcu: 	Tasks blocked on level-0 rcu_node (CPUs 0-1): P9/1:b..l`: a reader that was preempted. */
const BLOCKED_READER = /Tasks blocked on level-\d.*: P\d+/;
const CPU_STACK = /^(?:NMI backtrace|Task dump) for CPU/i;
/** RCU prints the stack of its own kthread, and of the CPU that it last ran on, if it was not woken up. */
const OWN_STACK = /Stack dump where RCU GP kthread last ran/;

/** Names what runs on the stalled CPU, or the reader that blocks the grace period. */
const rcuStall: TitleOf = (_, lines) => {
  const begins = lines.flatMap((line, at) =>
    CPU_STACK.test(line) || BLOCKED_READER.test(line) ? [at] : [],
  );
  const stacks = begins.map((begin, at) => ({
    lines: lines.slice(begin, begins[at + 1]),
    isOwn: OWN_STACK.test(lines[begin - 1] ?? '') || OWN_STACK.test(lines[begin - 2] ?? ''),
  }));
  const byWeight = [
    ...stacks.filter(({ isOwn }) => !isOwn),
    ...stacks.filter(({ isOwn }) => isOwn),
  ];
  const candidates = stacks.length === 0 ? [lines] : byWeight.map((stack) => stack.lines);
  const names = candidates.map(loopingFunction);
  return `rcu stall${suffix(names.find((name) => name !== undefined))}`;
};

export const STALLS: readonly Rule[] = [
  {
    kind: 'rcu-stall',
    severity: 'error',
    clue: ['detected stall', 'detected expedited stall'],
    head: /^(?:rcu: )?INFO: \w+ (?:self-)?detected (?:expedited )?stalls? on/,
    title: rcuStall,
  },
  {
    kind: 'rcu-stall',
    severity: 'error',
    clue: 'kthread starved for',
    head: /^(?:rcu: )?\w+ kthread starved for \d+ jiffies/,
    title: plain('rcu stall: grace-period kthread starved'),
    joins: true,
  },
  {
    kind: 'soft-lockup',
    severity: 'error',
    clue: 'BUG: soft lockup',
    head: /^(?:NMI )?(?:watchdog: )?BUG: soft lockup/,
    title: looping('soft lockup'),
  },
  {
    kind: 'hard-lockup',
    severity: 'error',
    clue: 'ard LOCKUP',
    head: /^(?:NMI )?(?:watchdog: )?(?:Watchdog detected hard LOCKUP|Watchdog CPU:\d+ Hard LOCKUP|CPU \d+ (?:self-)?detected hard LOCKUP)/i,
    title: looping('hard lockup'),
  },
  {
    kind: 'hard-lockup',
    severity: 'error',
    clue: 'non-responsive CSD lock',
    head: /^smp: csd: Detected non-responsive CSD lock/,
    title: plain('CPU does not respond to an IPI (CSD lock)'),
  },
  {
    kind: 'hung-task',
    severity: 'error',
    clue: 'INFO: task ',
    head: /^INFO: task .+ (?:blocked|can't die) (?:in I\/O wait )?for more than \d+ seconds/,
    title: (_, lines) => `INFO: task hung${suffix(awaitedFunction(lines))}`,
  },
  {
    kind: 'workqueue',
    severity: 'error',
    clue: 'BUG: workqueue lockup',
    head: /^BUG: workqueue lockup/,
    title: plain('BUG: workqueue lockup'),
  },
  {
    kind: 'workqueue',
    severity: 'error',
    clue: 'BUG: workqueue leaked',
    head: /^BUG: workqueue leaked/,
    title: (_, lines) => {
      const last = lines.map((line) => /last function: (\S+)/.exec(line)?.[1]).find(Boolean);
      return `BUG: workqueue leaked lock or atomic${suffix(last)}`;
    },
  },
];
