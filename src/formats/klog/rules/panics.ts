import type { SplatKind } from '../splat.ts';
import { blamedFunction, loopingFunction } from '../title.ts';
import { plain, type Rule, suffix } from './rule.ts';

export const PANICS: readonly Rule[] = [
  {
    kind: 'stack',
    severity: 'fatal',
    clue: 'Kernel panic - not syncing',
    head: /^Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: (\S+)/,
    title: ([, where = ''], lines) =>
      `kernel stack is corrupted in ${blamedFunction([` ${where}`], 'frames') ?? blamedFunction(lines, 'frames') ?? 'an unknown function'}`,
    until: /^---\[ end Kernel panic/,
  },
  {
    kind: 'stack',
    severity: 'fatal',
    clue: 'Kernel panic - not syncing',
    head: /^Kernel panic - not syncing: (corrupted stack end|kernel stack overflow)/i,
    title: ([, what = ''], lines) => what.toLowerCase() + suffix(loopingFunction(lines)),
    until: /^---\[ end Kernel panic/,
  },
  {
    kind: 'boot',
    severity: 'fatal',
    clue: 'Kernel panic - not syncing',
    head: /^Kernel panic - not syncing: (No working init found|Requested init .+ failed(?: \(error -?\d+\))?)/,
    title: ([, words]) => `kernel panic: ${words}`,
    until: /^---\[ end Kernel panic/,
  },
  {
    kind: 'panic',
    severity: 'fatal',
    clue: 'Kernel panic - not syncing',
    head: /^Kernel panic - not syncing(?:: (.*))?/,
    title: plain('kernel panic: $1'),
    until: /^---\[ end Kernel panic/,
  },
];

/** The kinds of splat that may have caused a panic with a certain message. */
export const PANIC_CAUSES: readonly [message: RegExp, kinds: readonly SplatKind[] | 'any'][] = [
  [/No working init found|Requested init |Unable to mount root fs/, ['boot']],
  [/hung_task/, ['hung-task']],
  [/softlockup/, ['soft-lockup']],
  [/hard lockup/i, ['hard-lockup']],
  [/rcu.stall/i, ['rcu-stall']],
  [/panic_on_warn/, 'any'],
  [/kasan|kfence|kmsan|kcsan|ubsan/i, ['kasan', 'kfence', 'kmsan', 'kcsan', 'ubsan']],
  [/out of memory|panic_on_oom|deadlocked on memory/i, ['oom']],
  [/panic forced after error/, ['filesystem']],
  [/machine halted|double fault/i, ['double-fault', 'stack', 'oops']],
  [/stack overflow/, ['stack']],
  [/bad_page|bad page/i, ['memory']],
  [/while atomic/, ['atomic']],
  [
    /fatal exception|panic_on_oops|attempted to kill|aiee|oops|unrecoverable|sysrq triggered|BUG!|SError|bad mode/i,
    [
      'oops',
      'gpf',
      'bug',
      'double-fault',
      'stack',
      'cfi',
      'fortify',
      'list-corruption',
      'lock',
      'filesystem',
      'refcount',
      'atomic',
      'memory',
    ],
  ],
];
