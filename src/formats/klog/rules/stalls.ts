import { SLEEPING, STALL_DETECTION } from '../title.ts';
import { inFunction, plain, type Rule, suffix, type TitleOf } from './rule.ts';

/** RCU may print the stack of its own waiting kthread before that of the stalled CPU. */
const rcuStall: TitleOf = (head, lines) => {
  const stalled = lines.findIndex((line) => /^(?:NMI backtrace|Task dump) for CPU/i.test(line));
  return inFunction('rcu stall', 'pc', STALL_DETECTION)(head, lines.slice(Math.max(stalled, 0)));
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
    title: inFunction('soft lockup', 'pc', STALL_DETECTION),
  },
  {
    kind: 'hard-lockup',
    severity: 'error',
    clue: 'ard LOCKUP',
    head: /^(?:NMI )?(?:watchdog: )?(?:Watchdog detected hard LOCKUP|Watchdog CPU:\d+ Hard LOCKUP|CPU \d+ (?:self-)?detected hard LOCKUP)/i,
    title: inFunction('hard lockup', 'pc', STALL_DETECTION),
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
    title: inFunction('INFO: task hung', 'frames', SLEEPING),
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
