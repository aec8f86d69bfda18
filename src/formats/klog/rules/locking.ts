import { MACHINERY, RCU, SLEEPING } from '../functions.ts';
import { functionAt } from '../stack.ts';
import { blamedFunction } from '../title.ts';
import { END, inFunction, plain, type Rule, suffix, type TitleOf } from './rule.ts';

/** `(&dev->mutex){+.+.}-{3:3}`: the name of a lock class, without instance numbers. */
const LOCK = /\(((?:[^(){}]|\([^()]*\))+)\)\{[^}]*\}/;

function lockNames(lines: readonly string[]): string[] {
  const names = lines.flatMap((line, index) => {
    const announced =
      /trying to (?:acquire|lock|release lock)|already holding lock|holding lock:|with lock/;
    if (!announced.test(line)) return [];
    const found = LOCK.exec(line) ?? LOCK.exec(lines[index + 1] ?? '');
    return found?.[1] === undefined
      ? []
      : [found[1].replace(/#\d+(?=\/|$)/g, '').replace(/(?<=^\(wq_completion\).*?)\d+$/, 'N')];
  });
  return [...new Set(names)];
}

/**
 * Names two locks in alphabetic order, because the order in which a cycle is found differs between runs.
 * If the report is cut short, names the function instead.
 */
function locks(title: string): TitleOf {
  return (_, lines) => {
    const names = lockNames(lines).slice(0, 2).sort();
    return names.length === 0
      ? title + suffix(blamedFunction(lines, 'frames'))
      : `${title}: ${names.join(' <-> ')}`;
  };
}

/** Where the first lock that the report mentions was taken: ` #0: (&pipe->mutex){+.+.}, at: pipe_lock+0x5b/0x70`. */
function lockSite(lines: readonly string[]): string | undefined {
  const sites = lines.flatMap((line, index) => {
    const [, rest] = /\bat:(.*)$/.exec(line) ?? [];
    return rest === undefined ? [] : [functionAt(rest) ?? functionAt(lines[index + 1] ?? '')];
  });
  return sites.find((name) => name !== undefined && !MACHINERY.test(name));
}

const RCU_OR_SLEEPING = new RegExp(`${RCU.source}|${SLEEPING.source}`);

export const LOCKING: readonly Rule[] = [
  {
    kind: 'lockdep',
    severity: 'error',
    clue: 'possible circular locking',
    head: /^(?:\[ )?(?:WARNING|INFO): possible circular locking dependency detected/,
    title: locks('possible circular locking dependency'),
  },
  {
    kind: 'lockdep',
    severity: 'error',
    clue: 'possible recursive locking',
    head: /^(?:\[ )?(?:WARNING|INFO): possible recursive locking detected/,
    title: locks('possible recursive locking'),
  },
  {
    kind: 'lockdep',
    severity: 'error',
    clue: 'possible irq lock inversion',
    head: /^(?:\[ )?(?:WARNING|INFO): possible irq lock inversion dependency detected/,
    title: inFunction('possible irq lock inversion', 'frames'),
  },
  {
    kind: 'lockdep',
    severity: 'error',
    clue: 'lock order detected',
    head: /^(?:\[ )?(?:WARNING|INFO): (\S+-safe -> \S+-unsafe) lock order detected/,
    title: locks('unsafe lock order'),
  },
  {
    kind: 'lockdep',
    severity: 'error',
    clue: 'inconsistent lock state',
    head: /^(?:\[ )?(?:WARNING|INFO): inconsistent lock state/,
    title: (_, lines) => {
      const index = lines.findIndex((line) => / takes:$/.test(line));
      const lock = index < 0 ? undefined : LOCK.exec(lines[index + 1] ?? '')?.[1];
      return lock === undefined
        ? `inconsistent lock state${suffix(blamedFunction(lines, 'frames'))}`
        : `inconsistent lock state: ${lock.replace(/#\d+/g, '')}`;
    },
  },
  {
    kind: 'lockdep',
    severity: 'error',
    clue: 'suspicious RCU usage',
    head: /^(?:\[ )?(?:WARNING|INFO): suspicious RCU usage/,
    title: inFunction('suspicious RCU usage', 'frames', RCU_OR_SLEEPING),
  },
  {
    kind: 'lockdep',
    severity: 'error',
    clue: 'trying to register non-static key',
    head: /^INFO: trying to register non-static key/,
    title: inFunction('INFO: trying to register non-static key', 'frames'),
  },
  {
    kind: 'lockdep',
    severity: 'error',
    clue: 'nvalid wait context',
    head: /^\[ BUG: Invalid wait context \]/,
    title: locks('invalid wait context'),
  },
  {
    kind: 'lockdep',
    severity: 'error',
    clue: ['bad unlock balance', 'bad contention'],
    head: /^(?:\[ )?(?:WARNING|BUG|INFO): (?:\S+ )?(bad unlock balance|bad contention)/i,
    title: ([, what = ''], lines) =>
      what.toLowerCase() + suffix(blamedFunction(lines, 'frames') ?? lockSite(lines)),
  },
  {
    kind: 'lockdep',
    severity: 'error',
    clue: ['held', 'ested lock was not taken'],
    head: /^(?:\[ )?(?:WARNING|BUG|INFO): (?:\S+ )?(held lock freed|lock held when returning to user space|lock held at task exit time|still has locks held|nested lock was not taken|lock held in syscall)/i,
    title: ([, what = ''], lines) =>
      what.toLowerCase() + suffix(lockSite(lines) ?? blamedFunction(lines, 'frames')),
  },
  {
    kind: 'lockdep',
    severity: 'error',
    clue: 'DEBUG_LOCKS_WARN_ON(',
    head: /^DEBUG_LOCKS_WARN_ON\((.*)\)$/,
    title: inFunction('DEBUG_LOCKS_WARN_ON($1)', 'frames'),
    until: END,
  },
  {
    kind: 'lockdep',
    severity: 'error',
    clue: 'chain_key collision',
    head: /^WARNING: chain_key collision/,
    title: plain('lockdep: chain_key collision'),
  },
  {
    kind: 'lockdep',
    severity: 'error',
    clue: 'BUG: MAX_',
    head: /^BUG: (MAX_\w+) too low!/,
    title: plain('lockdep: $1 too low'),
  },
  {
    kind: 'lock',
    severity: 'error',
    clue: 'BUG: ',
    head: /^BUG: (spinlock|rwlock|rwsem|mutex) (lockup suspected|already unlocked|recursion|cpu recursion|cpu-recursion|bad magic|wrong owner|wrong CPU|trylock failure on UP|cannot be|lock-up)/,
    title: inFunction('BUG: $1 $2', 'frames'),
  },
  {
    kind: 'atomic',
    severity: 'error',
    clue: 'BUG: scheduling while atomic',
    head: /^BUG: scheduling while atomic/,
    title: inFunction('BUG: scheduling while atomic', 'frames', SLEEPING),
  },
  {
    kind: 'atomic',
    severity: 'error',
    clue: 'sleeping function called',
    head: /^BUG: sleeping function called from invalid context/,
    title: inFunction('BUG: sleeping function called from invalid context', 'frames', SLEEPING),
  },
  {
    kind: 'atomic',
    severity: 'error',
    clue: 'huh, entered softirq',
    head: /^(?:softirq: )?huh, entered softirq \d+ (\S+) /,
    title: plain('softirq $1 left with another preempt_count'),
    until: 'line',
  },
  {
    kind: 'atomic',
    severity: 'error',
    clue: 'in preemptible',
    head: /^BUG: using (\w+)\(\) in preemptible/,
    title: (head, lines) => {
      const caller = lines
        .map((line) => /^caller is ([\w.$]+\+0x\S+)/.exec(line)?.[1])
        .find(Boolean);
      const known = caller === undefined ? lines : [` ${caller}`, ...lines];
      return `BUG: using ${head[1]}() in preemptible code${suffix(
        blamedFunction(
          known.filter((line) => !/Call Trace/.test(line)),
          'frames',
        ),
      )}`;
    },
  },
  {
    kind: 'atomic',
    severity: 'error',
    clue: 'Voluntary context switch within RCU',
    head: /^Voluntary context switch within RCU read-side critical section/,
    title: inFunction('voluntary context switch within RCU', 'frames', RCU_OR_SLEEPING),
    until: END,
  },
];
