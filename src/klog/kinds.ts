import type { Severity, SplatKind } from './splat.ts';
import {
  blamedFunction,
  RCU,
  SLEEPING,
  stableText,
  treePath,
  WATCHING,
  type Where,
} from './title.ts';

/** Makes a title from the match of the head line and from all lines known so far, the head included. */
export type TitleOf = (head: RegExpExecArray, lines: readonly string[]) => string;

/** One way in which the kernel begins to complain. */
export interface Rule {
  kind: SplatKind;
  /** `oops` is fatal unless the kernel is let go on after one; `silent` is no splat, and hides its lines. */
  severity: Severity | 'oops' | 'silent';
  /** Literal text of which every head line holds one: looked for before anything else is done. */
  clue: string | readonly string[];
  /** Matched against the text behind the time stamp. */
  head: RegExp;
  title: TitleOf;
  /**
   * How far it goes: this line alone, to the end of a stack trace, or to a line that matches.
   * Default: `trace`.
   */
  until?: 'line' | 'trace' | RegExp;
  /** Whether it may be the second line of a splat that began as something else and tells the cause. */
  joins?: true;
}

/** `---[ end trace 0123456789abcdef ]---`, and the bar below the reports of sanitizers. */
const END = /^---\[ end |^={20,}$/;

/** `TITLE in FUNCTION`, or the title alone until the function is known; `$1` is the first group. */
function inFunction(title: string, where: Where = 'pc', skip?: RegExp): TitleOf {
  return (head, lines) => {
    const text = title.replace(/\$(\d)/g, (_, group: string) => head[Number(group)] ?? '');
    return text + suffix(blamedFunction(lines, where, skip));
  };
}

function suffix(name: string | undefined): string {
  return name === undefined ? '' : ` in ${name}`;
}

/** A title that needs nothing but the head line; `$1` stands for the first group, made stable. */
function plain(title: string): TitleOf {
  return (head) =>
    title.replace(/\$(\d)/g, (_, group: string) => stableText(head[Number(group)] ?? ''));
}

/** Sanitizers name the function in the head line; that may be a memcpy, whose caller is to blame. */
function sanitizer(name: string): TitleOf {
  return ([, what = '', where = ''], lines) => {
    const access = lines
      .map((line) => /^(Read|Write) (?:of size|at addr)/.exec(line)?.[1])
      .find(Boolean);
    const title = `${name}: ${what.trim()}${access === undefined ? '' : ` ${access}`}`;
    const told = blamedFunction([` ${where}`], 'frames');
    return title + suffix(told ?? blamedFunction(lines, 'frames'));
  };
}

/** `(&dev->mutex){+.+.}-{3:3}`: the name of a lock's class, without what counts its instances. */
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
 * Two locks in alphabetic order: which of them a circle is entered by changes from run to run.
 * Falls back to the function where the report was cut short.
 */
function locks(title: string): TitleOf {
  return (_, lines) => {
    const names = lockNames(lines).slice(0, 2).sort();
    return names.length === 0
      ? title + suffix(blamedFunction(lines, 'frames'))
      : `${title}: ${names.join(' <-> ')}`;
  };
}

/** Both forms of WARN()'s head line, that of 6.18 the second, and the one of old kernels. */
const WARNED =
  /^WARNING: (?:CPU: \d+ PID: \d+ )?(?:at )?(\S+?):\d+ (?:at )?([\w.$]+\+0x[0-9a-f]+\/0x[0-9a-f]+)?/;

/** WARN() names its function in the head line, which may be a helper's: then the stack trace tells. */
const warning: TitleOf = (head, lines) => {
  const [, file = '', symbol = ''] = WARNED.exec(head[0]) ?? [];
  const name = blamedFunction([` ${symbol}`], 'frames') ?? blamedFunction(lines);
  if (name !== undefined) return `WARNING in ${name}`;
  return file === '' ? 'WARNING' : `WARNING at ${treePath(file)}`;
};

const PANICS: Rule[] = [
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
    title: inFunction('$1', 'frames', SLEEPING),
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

/** What the last words of a kernel tell of the splat that made it stop. */
export const PANIC_CAUSES: readonly [lastWords: RegExp, kinds: readonly SplatKind[] | 'any'][] = [
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

const FAULTS: Rule[] = [
  {
    kind: 'double-fault',
    severity: 'fatal',
    clue: 'PANIC: ',
    head: /^(?:traps: )?PANIC: (double fault|early exception)/,
    title: inFunction('PANIC: $1'),
    until: END,
    joins: true,
  },
  {
    kind: 'stack',
    severity: 'oops',
    clue: 'stack guard page',
    head: /^BUG: (?:TASK |IRQ |\S+ )?stack guard page was hit/i,
    title: inFunction('stack guard page was hit'),
    until: END,
  },
  {
    kind: 'stack',
    severity: 'oops',
    clue: 'Insufficient stack space',
    head: /^Insufficient stack space to handle exception!/,
    title: inFunction('kernel stack overflow'),
    until: END,
  },
  {
    kind: 'oops',
    severity: 'oops',
    clue: 'nable to handle kernel NULL',
    head: /^(?:BUG: |CPU \d+ )?[Uu]nable to handle kernel NULL pointer dereference/,
    title: inFunction('BUG: kernel NULL pointer dereference'),
    until: END,
  },
  {
    kind: 'oops',
    severity: 'oops',
    clue: 'ernel NULL pointer dereference',
    head: /^BUG: [Kk]ernel NULL pointer dereference/,
    title: inFunction('BUG: kernel NULL pointer dereference'),
    until: END,
  },
  {
    kind: 'oops',
    severity: 'oops',
    clue: 'nable to handle',
    head: /^(?:BUG: |CPU \d+ )?[Uu]nable to handle (?:kernel |page fault|.* address)/,
    title: inFunction('BUG: unable to handle page fault'),
    until: END,
  },
  {
    kind: 'oops',
    severity: 'oops',
    clue: 'Unhandled',
    head: /^(?:\d+: )?Unhandled (fault|prefetch abort): (?:[^(]*\S)?(?= ?\()/,
    title: inFunction('Unhandled $1'),
    until: END,
  },
  {
    kind: 'oops',
    severity: 'oops',
    clue: 'Alignment trap',
    head: /^Alignment trap: not handling/,
    title: inFunction('Alignment trap'),
    until: END,
  },
  {
    kind: 'oops',
    severity: 'oops',
    clue: 'SError Interrupt',
    head: /^SError Interrupt on CPU\d+/,
    title: inFunction('SError'),
    until: END,
  },
  {
    kind: 'oops',
    severity: 'oops',
    clue: 'Bad mode in',
    head: /^Bad mode in (.*) handler detected/,
    title: inFunction('Bad mode'),
    until: END,
  },
  {
    kind: 'bug',
    severity: 'oops',
    clue: 'ernel BUG at',
    head: /^[Kk]ernel BUG at (\S+?)(?::\d+)?!?$/,
    title: ([, file = ''], lines) =>
      (/[/.]/.test(file) ? `kernel BUG at ${treePath(file)}` : 'kernel BUG') +
      suffix(blamedFunction(lines)),
    until: END,
    joins: true,
  },
  {
    kind: 'gpf',
    severity: 'oops',
    clue: 'general protection fault',
    head: /^(?:Oops: |segment-related |kasan: .*access)*general protection fault.*\[#\d+\]/,
    title: inFunction('general protection fault'),
    until: END,
    joins: true,
  },
  {
    // die(): `WHAT: 0000 [#1] PREEMPT SMP`; riscv has no code, s390 has `ilc:2` before the counter.
    kind: 'oops',
    severity: 'oops',
    clue: '[#',
    head: /^(?:Oops(?::|$)? ?|Internal error: )?(.*?)(?::? [0-9a-f]{1,16})?(?: ilc:\d)? ?\[#\d+\]/,
    title: ([, what = ''], lines) =>
      (/^(?:Oops)?(?:[0-9a-f]{4,16})?$/.test(what) ? 'Oops' : stableText(what)) +
      suffix(blamedFunction(lines)),
    until: END,
    joins: true,
  },
  {
    kind: 'bug',
    severity: 'oops',
    clue: 'rust_kernel: panicked',
    head: /^rust_kernel: panicked at/,
    title: (head, lines) => {
      const said = lines[lines.indexOf(head.input) + 1];
      const what = said === undefined ? 'Rust panic' : `Rust panic: ${stableText(said)}`;
      return what + suffix(blamedFunction(lines, 'frames', /rust|panic/));
    },
    until: END,
  },
  {
    kind: 'cfi',
    severity: 'error',
    clue: 'CFI failure',
    head: /^CFI failure (?:at|\(target:) ?([\w.$]+\+0x[0-9a-f]+\/0x[0-9a-f]+)?/,
    title: ([, where = ''], lines) =>
      `CFI failure${suffix(blamedFunction([` ${where}`, ...lines], 'frames'))}`,
    until: END,
  },
  {
    kind: 'fortify',
    severity: 'error',
    clue: 'usercopy: ',
    head: /^usercopy: Kernel memory (\w+) attempt detected (?:from|to)/,
    title: inFunction('usercopy: memory $1', 'frames'),
    until: END,
  },
  {
    kind: 'fortify',
    severity: 'error',
    clue: 'detected buffer overflow',
    head: /^detected buffer overflow in (\w+)/,
    title: inFunction('buffer overflow of $1', 'frames'),
    until: END,
  },
  {
    kind: 'fortify',
    severity: 'error',
    clue: 'detected field-spanning write',
    head: /^(\w+): detected field-spanning write/,
    title: inFunction('field-spanning $1'),
    until: END,
  },
  {
    kind: 'bug',
    severity: 'error',
    clue: '_panic: text:',
    head: /^(?:skbuff: )?(skb_(?:over|under)_panic): text:/,
    title: inFunction('$1', 'frames', /^skb_/),
    until: END,
  },
];

const SANITIZERS: Rule[] = [
  {
    kind: 'kasan',
    severity: 'error',
    clue: 'BUG: KASAN',
    head: /^BUG: KASAN: (.*?)(?: in (\S+)(?: \[\w+\])?| on address.*)?(?: at addr [0-9a-f]+)?$/,
    title: sanitizer('KASAN'),
    until: /^={20,}$/,
  },
  {
    kind: 'kmsan',
    severity: 'error',
    clue: 'BUG: KMSAN',
    head: /^BUG: KMSAN: (.*?)(?: in (\S+))?$/,
    title: sanitizer('KMSAN'),
    until: /^={5,}$/,
  },
  {
    kind: 'kfence',
    severity: 'error',
    clue: 'BUG: KFENCE',
    head: /^BUG: KFENCE: (.*?)(?: in (\S+))?$/,
    title: sanitizer('KFENCE'),
    until: /^={20,}$/,
  },
  {
    // Both functions of a race are in the head line, in alphabetic order.
    kind: 'kcsan',
    severity: 'error',
    clue: 'BUG: KCSAN',
    head: /^BUG: KCSAN: (.*)/,
    title: plain('KCSAN: $1'),
    until: /^={20,}$/,
  },
  {
    kind: 'ubsan',
    severity: 'error',
    clue: 'UBSAN: ',
    head: /^UBSAN: (.*?) in (\S+?)(?::\d+)*$/,
    title: ([, what = '', file = ''], lines) => {
      const name = blamedFunction(lines, 'frames');
      return `UBSAN: ${what} in ${name ?? treePath(file)}`;
    },
    until: END,
  },
];

const RCU_OR_SLEEPING = new RegExp(`${RCU.source}|${SLEEPING.source}`);

const LOCKING: Rule[] = [
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
    clue: ['held', 'bad unlock balance', 'bad contention', 'ested lock was not taken'],
    head: /^(?:\[ )?(?:WARNING|BUG|INFO): (?:\S+ )?(bad unlock balance|bad contention|held lock freed|lock held when returning to user space|lock held at task exit time|still has locks held|nested lock was not taken|lock held in syscall)/i,
    title: ([, what = ''], lines) => what.toLowerCase() + suffix(blamedFunction(lines, 'frames')),
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

const STALLS: Rule[] = [
  {
    kind: 'rcu-stall',
    severity: 'error',
    clue: ['detected stall', 'detected expedited stall'],
    head: /^(?:rcu: )?INFO: \w+ (?:self-)?detected (?:expedited )?stalls? on/,
    title: inFunction('rcu stall', 'pc', WATCHING),
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
    title: inFunction('soft lockup', 'pc', WATCHING),
  },
  {
    kind: 'hard-lockup',
    severity: 'error',
    clue: 'ard LOCKUP',
    head: /^(?:NMI )?(?:watchdog: )?(?:Watchdog detected hard LOCKUP|Watchdog CPU:\d+ Hard LOCKUP|CPU \d+ (?:self-)?detected hard LOCKUP)/i,
    title: inFunction('hard lockup', 'pc', WATCHING),
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

const DAMAGE: Rule[] = [
  {
    kind: 'refcount',
    severity: 'error',
    clue: 'refcount_t: ',
    head: /^refcount_t: (.*?)\.?$/,
    title: inFunction('refcount_t: $1'),
    until: END,
  },
  {
    kind: 'list-corruption',
    severity: 'error',
    clue: ['corruption', 'double add'],
    head: /^(list_(?:add|del)|slist_\w+|llist_\w+)(?: double \w+| corruption)/,
    title: inFunction('$1 corruption', 'frames', /^__?list_/),
    until: END,
  },
  {
    kind: 'slab',
    severity: 'error',
    clue: 'BUG ',
    // The state of taint may itself hold brackets and colons.
    head: /^BUG (\S+(?: \S+)*?) \((?:Not tainted|Tainted[^)]*)\): (?!kasan: bad access detected)(.*)/,
    title: plain('slab $1: $2'),
  },
  {
    kind: 'slab',
    severity: 'error',
    clue: 'Slab cache still has objects',
    head: /^kmem_cache_destroy (\S+): Slab cache still has objects/,
    title: plain('slab $1: objects remain in a destroyed cache'),
  },
  {
    kind: 'memory-leak',
    severity: 'error',
    clue: 'new suspected memory leaks',
    head: /^kmemleak: \d+ new suspected memory leaks/,
    title: plain('kmemleak: suspected memory leaks'),
    until: 'line',
  },
  {
    kind: 'memory-leak',
    severity: 'error',
    clue: 'unreferenced object 0x',
    head: /^(?:kmemleak: )?unreferenced object 0x/,
    title: (_, lines) =>
      `memory leak${suffix(
        blamedFunction(
          lines.map((line) => line.replace(/^kmemleak: /, '')),
          'frames',
        ),
      )}`,
  },
  {
    kind: 'memory',
    severity: 'error',
    clue: 'BUG: Bad ',
    head: /^BUG: Bad (rss-counter state|page table|page map|page cache|page state|swap \w+)/,
    title: inFunction(
      'BUG: Bad $1',
      'frames',
      /^(?:free|bad|prep|rmqueue|__free)_?\w*(?:page|unref|pcp|bulk)\w*$/,
    ),
  },
  {
    kind: 'memory',
    severity: 'error',
    clue: 'BUG: non-zero ',
    head: /^BUG: non-zero (\w+) on freeing mm/,
    title: plain('BUG: non-zero $1 on freeing mm'),
  },
  {
    kind: 'memory',
    severity: 'error',
    clue: 'pagealloc: ',
    head: /^pagealloc: (memory corruption|single bit error)/,
    title: inFunction('pagealloc: $1', 'frames'),
  },
  {
    kind: 'odebug',
    severity: 'error',
    clue: 'ODEBUG: ',
    head: /^ODEBUG: (\w+) (.*?)(?: \(active state .*?)? object(?: type)?: (?:\S+ object type: )?(\w+)/,
    title: inFunction('ODEBUG: $1 $2 $3'),
    until: END,
  },
  {
    kind: 'dma',
    severity: 'error',
    clue: 'DMA-API: ',
    head: /^DMA-API: (?:\S+ )+?(?=device driver |cacheline tracking|cpu touching|mapping |exceeded )(.*?)(?: \[|$)/,
    title: inFunction('DMA-API: $1'),
    until: END,
  },
  {
    kind: 'irq',
    severity: 'error',
    clue: 'nobody cared',
    head: /^irq \d+: nobody cared/,
    title: plain('irq: nobody cared'),
  },
  {
    kind: 'irq',
    severity: 'error',
    clue: 'genirq: Flags mismatch',
    head: /^genirq: Flags mismatch irq/,
    title: inFunction('genirq: Flags mismatch', 'frames', /irq/),
  },
  {
    kind: 'netdev',
    severity: 'error',
    clue: 'unregister_netdevice: waiting',
    head: /^unregister_netdevice: waiting for \S+ to become free/,
    title: plain('unregister_netdevice: waiting for a device to become free'),
    until: 'line',
  },
  {
    kind: 'netdev',
    severity: 'error',
    clue: 'ref_tracker: ',
    head: /^ref_tracker: (?:\w+@\S+ has \d+\/\d+ users at|.*leaked reference)/,
    title: (head, lines) => {
      const after = lines.slice(lines.indexOf(head.input) + 1);
      return `ref_tracker: reference leaked${suffix(blamedFunction(after, 'frames', /ref_tracker|netdev_hold|dev_hold/))}`;
    },
  },
  {
    kind: 'warning',
    severity: 'error',
    clue: 'sysfs: cannot create duplicate',
    head: /^sysfs: cannot create duplicate filename/,
    title: inFunction(
      'sysfs: cannot create duplicate filename',
      'frames',
      /sysfs|kobject|internal_create|device_add/,
    ),
  },
];

const FILESYSTEMS: Rule[] = [
  {
    kind: 'filesystem',
    severity: 'error',
    clue: '-fs error (device',
    head: /^EXT[234]-fs error \(device [^)]*\)(?: in)?:? (\w+)/,
    title: plain('EXT4-fs error in $1'),
    until: 'line',
  },
  {
    kind: 'filesystem',
    severity: 'error',
    clue: 'This should not happen!!',
    head: /^(?:EXT4-fs \([^)]*\): )?.*This should not happen!! {2}?Data will be lost/,
    title: plain('EXT4-fs: data will be lost'),
    until: 'line',
  },
  {
    kind: 'filesystem',
    severity: 'note',
    clue: 'borting journal on device',
    head: /^Aborting journal on device/,
    title: plain('journal aborted'),
    until: 'line',
  },
  {
    kind: 'filesystem',
    severity: 'error',
    clue: 'ssertion fail',
    head: /^(XFS|Assertion failure in (\w+)\(\))(?: \(\S+\))?:? (?:Assertion failed: (.*), file: (\S+?),? line: \d+|at (\S+?):\d+: (.*))/,
    title: ([, who = '', , xfs, xfsFile, file = '', expression = '']) =>
      `${who === 'XFS' ? 'XFS' : 'jbd2'}: assertion failed: ${stableText(xfs ?? expression)} in ${treePath(xfsFile ?? file)}`,
    until: END,
  },
  {
    kind: 'filesystem',
    severity: 'error',
    clue: 'ssertion failed: ',
    head: /^(?:BTRFS.*: )?assertion failed: (.*?)(?: :: .*)?, in (\S+?):\d+/,
    title: (head) =>
      `BTRFS: assertion failed: ${stableText(head[1] ?? '')} in ${treePath(head[2] ?? '')}`,
    until: END,
  },
  {
    kind: 'notice',
    severity: 'note',
    clue: ['User initiated shutdown', 'detected at xfs_fs_goingdown'],
    head: /^(\S+) \([^)]*\): (?:User initiated shutdown|.*detected at xfs_fs_goingdown)/,
    title: plain('$1: user initiated shutdown'),
    until: 'line',
  },
  {
    kind: 'filesystem',
    severity: 'error',
    clue: ['corruption', 'Corruption', 'CRC error', 'Internal error', 'I/O Error', 'hutting down'],
    head: /^XFS \([^)]*\): (?!Corruption detected|.*detected at xfs_fs_goingdown)(Metadata (?:CRC error|corruption|I\/O Error)|Corruption(?: of [\w-]+ \w+| warning)?|Internal error|Log I\/O Error|\w.*(?= \(0x[0-9a-f]+\) detected at .*hutting down))(.*)/,
    title: ([, what = '', rest = '']) => {
      const name = /(?: at|Caller) ([\w.]+)\+0x/.exec(rest)?.[1];
      const file = / of file (\S+?)\.?(?:\s|$)/.exec(rest)?.[1];
      return `XFS: ${what}${suffix(name ?? (file && treePath(file)))}`;
    },
  },
  {
    kind: 'filesystem',
    severity: 'error',
    clue: 'Transaction aborted',
    head: /^BTRFS:? ?(?:\(device [^)]*\):? ?)?(Transaction aborted) \(error (-?\d+)\)/,
    title: inFunction('BTRFS: transaction aborted (error $2)'),
    until: END,
  },
  {
    kind: 'filesystem',
    severity: 'error',
    clue: 'BTRFS: error (device',
    head: /^BTRFS: error \(device [^)]*\) in (\w+):\d+: (errno=-?\d+ .*)/,
    title: (head) => `BTRFS: error in ${head[1]}: ${head[2]}`,
    until: 'line',
  },
  {
    kind: 'filesystem',
    severity: 'error',
    clue: ['BTRFS critical', 'BTRFS error'],
    head: /^BTRFS (?:critical|error) \(device [^)]*\): (corrupt (?:leaf|node)|(?:bad tree block|bad fsid|parent transid verify|block=\d+ (?:read|write) time tree block corruption|tree level mismatch|unable to find ref byte|(?:qgroup|space_info).*(?:leak|still)|(?!bdev ).*corrupt)[^,:]*)/,
    title: plain('BTRFS: $1'),
    until: 'line',
  },
  {
    kind: 'filesystem',
    severity: 'error',
    clue: 'F2FS-fs (',
    head: /^F2FS-fs \([^)]*\): (?=.*(?:run fsck|[Ii]nconsisten|corrupt|invalid blkaddr|[Ss]topped filesystem))(.*)/,
    title: plain('F2FS: $1'),
    until: 'line',
  },
  {
    kind: 'filesystem',
    severity: 'error',
    clue: ['fs error', '): error', 'ERROR', ': fatal', 'error (device'],
    head: /^((?:ex)?FAT-fs|UDF-fs|NILFS|OCFS2|JFS|HFS\+?-fs|EROFS|REISERFS|UBIFS|gfs2|NTFS-fs|SQUASHFS)(?: \([^)]*\)|: )? ?:? ?(?:error|ERROR|fatal)\b(?: \(device [^)]*\))?:? ?\(?(.*)/,
    title: plain('$1 error: $2'),
    until: 'line',
  },
  {
    kind: 'filesystem',
    severity: 'error',
    clue: 'withdraw',
    head: /^gfs2: fsid=\S+: (?:about to withdraw|File system withdrawn)/,
    title: plain('gfs2: withdraws'),
  },
  {
    kind: 'filesystem',
    severity: 'error',
    clue: 'bcachefs',
    head: /^bcachefs \([^)]*\):? (?=.*(?:inconsisten|emergency read.only|fatal error|corrupt))(.*)/,
    title: plain('bcachefs: $1'),
    until: 'line',
  },
  {
    kind: 'filesystem',
    severity: 'error',
    clue: 'VFS: ',
    head: /^VFS: (Busy inodes after unmount|Close: file count is (?:0|zero))/,
    title: plain('VFS: $1'),
    until: 'line',
  },
  {
    kind: 'filesystem',
    severity: 'error',
    clue: 'BUG: Dentry',
    head: /^BUG: Dentry .* still in use/,
    title: inFunction('BUG: dentry still in use', 'frames', /dentry|dcache|umount_check|d_walk/),
  },
  {
    kind: 'filesystem',
    severity: 'note',
    clue: 'filesystem read-only',
    head: /^(\S+-fs|\S+) \([^)]*\): Remounting filesystem read-only/,
    title: plain('$1: remounted read-only'),
    until: 'line',
  },
  {
    kind: 'boot',
    severity: 'error',
    clue: 'unpacking failed',
    head: /^(?:Initramfs|rootfs image) unpacking failed: (.*)/,
    title: plain('initramfs unpacking failed: $1'),
    until: 'line',
  },
  {
    kind: 'boot',
    severity: 'error',
    clue: 'is not initramfs',
    head: /^rootfs image is not initramfs \((.*?)\)/,
    title: plain('rootfs image is not initramfs: $1'),
    until: 'line',
  },
];

const MEMORY_SHORTAGE: Rule[] = [
  {
    kind: 'oom',
    severity: 'error',
    clue: ' invoked oom-killer',
    head: / invoked oom-killer: /,
    title: (_, lines) => {
      const victim = lines.map((line) => KILLED.exec(line)).find(Boolean);
      return victim === undefined || victim === null ? 'OOM' : oomTitle(victim);
    },
    until: /Killed process \d+|Out of memory and no killable processes/,
  },
  {
    kind: 'oom',
    severity: 'error',
    clue: 'ut of memory: Kill',
    head: /^(Memory cgroup o|O)ut of memory(?: \([^)]*\))?: Kill(?:ed)? process \d+ \((.*?)\)/,
    title: (head) => oomTitle(head),
    until: 'line',
    joins: true,
  },
  {
    kind: 'allocation',
    severity: 'note',
    clue: 'allocation failure',
    head: /^\S.*?: (page |vmalloc )?(?:allocation failure|allocation failure: order:\d+)/,
    title: inFunction('page allocation failure', 'frames'),
  },
  {
    kind: 'allocation',
    severity: 'note',
    clue: 'vmalloc error: ',
    head: /^\S.*?: vmalloc error: size \d+/,
    title: inFunction('vmalloc failure', 'frames'),
  },
];

const KILLED = /^(Memory cgroup o|O)ut of memory(?: \([^)]*\))?: Kill(?:ed)? process \d+ \((.*?)\)/;

function oomTitle([, prefix, name]: RegExpExecArray): string {
  return `${prefix?.startsWith('Memory') ? 'memory cgroup ' : ''}OOM kill of ${name}`;
}

const GENERAL: Rule[] = [
  {
    // Only WARN()'s own forms: drivers print "WARNING: …" for anything they please.
    kind: 'warning',
    severity: 'error',
    clue: 'WARNING: ',
    head: /^WARNING: (?:CPU: \d+ PID: \d+ at |at \S+:\d+|\S+:\d+ at ).*/,
    title: warning,
    until: END,
    joins: true,
  },
  {
    kind: 'stack',
    severity: 'error',
    clue: 'WARNING: ',
    head: /^WARNING: (kernel stack (?:regs|frame pointer)|stack recursion)/,
    title: plain('WARNING: $1'),
    until: 'line',
  },
  {
    kind: 'warning',
    severity: 'error',
    clue: 'RTNL: assertion failed',
    head: /^RTNL: assertion failed at (\S+)/,
    title: inFunction('RTNL: assertion failed', 'frames'),
  },
  {
    kind: 'bug',
    severity: 'error',
    clue: 'BUG: ',
    head: /^BUG: (?!KASAN|KFENCE)(.*)/,
    title: plain('BUG: $1'),
  },
];

const NOTES: Rule[] = [
  {
    kind: 'user-fault',
    severity: 'note',
    clue: ']: segfault ',
    head: /^(?:show_signal_msg: \d+ callbacks suppressed)?(\S.*?)\[\d+\]: segfault (?:at|\()/,
    title: plain('segfault of $1'),
  },
  {
    kind: 'user-fault',
    severity: 'note',
    clue: 'traps: ',
    head: /^traps: (.*?)\[\d+\] (general protection(?: fault)?|trap [\w -]+?|\w[\w -]*?) ip:/,
    title: (head) => `${head[2]?.replace(/^trap /, '')} in user program ${head[1]}`,
  },
  {
    kind: 'user-fault',
    severity: 'note',
    clue: ']: unhandled ',
    head: /^(\S.*?)\[\d+\]: unhandled (exception|signal|trap)/,
    title: plain('unhandled $2 in user program $1'),
  },
  {
    kind: 'user-fault',
    severity: 'note',
    clue: 'potentially unexpected fatal signal',
    head: /^(?:(\S+)\/\d+: )?potentially unexpected fatal signal (\d+)/,
    title: (head) => `fatal signal ${head[2]} in a user program`,
  },
  {
    kind: 'user-fault',
    severity: 'note',
    clue: 'User process fault',
    head: /^User process fault: interruption code/,
    title: plain('fault in a user program'),
  },
  {
    kind: 'io-error',
    severity: 'note',
    clue: 'I/O error',
    head: /^(?:blk_update_request: |print_req_error: |Buffer )?I\/O error,? (?:on )?dev ([\w!/-]+)/,
    title: (head) => `I/O error on ${head[1]}`,
    until: 'line',
  },
  {
    kind: 'io-error',
    severity: 'note',
    clue: 'metadata I/O error',
    head: /^XFS \((\S+)\): metadata I\/O error/,
    title: (head) => `XFS: metadata I/O error on ${head[1]}`,
    until: 'line',
  },
  {
    kind: 'io-error',
    severity: 'note',
    clue: ' errs: wr ',
    head: /^BTRFS (?:error|warning|info) \([^)]*\): bdev (\S+) errs: wr/,
    title: (head) => `BTRFS: errors on ${head[1]}`,
    until: 'line',
  },
  {
    kind: 'io-error',
    severity: 'note',
    clue: 'csum failed',
    head: /^BTRFS (?:error|warning) \(device ([^)]*)\): csum failed/,
    title: (head) => `BTRFS: checksum error on ${head[1]}`,
    until: 'line',
  },
  {
    kind: 'taint',
    severity: 'note',
    clue: 'taints kernel',
    head: /^(\S+): (loading out-of-tree module|module license .*|module) taints kernel/,
    title: plain('$1: $2 taints kernel'),
    until: 'line',
  },
  {
    kind: 'notice',
    severity: 'note',
    clue: 'hung task reports are suppressed',
    head: /^Future hung task reports are suppressed/,
    title: plain('further hung tasks are not reported'),
    until: 'line',
  },
  {
    kind: 'clock',
    severity: 'note',
    clue: ' as unstable',
    head: /^(?:clocksource: )?.*Marking clocksource '?(\S+?)'? as unstable/,
    title: (head) => `clocksource ${head[1]} is unstable`,
    until: 'line',
  },
  {
    kind: 'notice',
    severity: 'note',
    clue: 'Emergency Remount',
    head: /^(?:sysrq: )?Emergency Remount/,
    title: plain('emergency remount'),
    until: 'line',
  },
  {
    kind: 'hardware',
    severity: 'note',
    clue: 'unchecked MSR access',
    head: /^unchecked MSR access error: (\w+).*\(([\w.]+)\+0x/,
    title: (head) => `unchecked MSR access (${head[1]}) in ${head[2]}`,
  },
  {
    kind: 'hardware',
    severity: 'note',
    clue: '[Hardware Error]: ',
    head: /^(?:mce: )?\[Hardware Error\]: (?:Machine check|CPU \d+: Machine Check)/i,
    title: plain('machine check'),
  },
  {
    kind: 'fault-injection',
    severity: 'note',
    clue: 'FAULT_INJECTION: ',
    head: /^FAULT_INJECTION: forcing a failure/,
    title: inFunction('injected failure', 'frames'),
  },
  {
    kind: 'trace',
    severity: 'silent',
    clue: 'ysRq',
    head: /^SysRq ?: (?!Emergency)/,
    title: plain('SysRq'),
  },
  {
    kind: 'trace',
    severity: 'silent',
    clue: 'ysrq: ',
    head: /^sysrq: (?!Emergency)/,
    title: plain('SysRq'),
  },
];

/** A stack trace that belongs to nothing: `dump_stack()`. Only where no splat is open. */
export const HEADLESS: Rule = {
  kind: 'trace',
  severity: 'note',
  clue: 'Call ',
  head: /^\s*Call [Tt]race:/,
  title: inFunction('stack trace', 'frames'),
};

/** A task as sched_show_task() shows it: within a splat, or because somebody wanted to see it. */
export const SHOWN_TASK: Rule = {
  kind: 'trace',
  severity: 'silent',
  clue: 'task:',
  head: /^task:\S.* state:/,
  title: plain('a task'),
};

/** `------------[ cut here ]------------` stands above WARN() and BUG(): what it is comes later. */
export const CUT_HERE: Rule = {
  kind: 'warning',
  severity: 'error',
  clue: '[ cut here ]',
  head: /^-+\[ cut here \]-+/,
  title: (_, lines) => {
    const said = lines.find((line) => !/\[ cut here \]/.test(line));
    return said === undefined ? 'report cut short' : `report cut short: ${stableText(said)}`;
  },
  until: END,
};

/** Every rule, the particular before the general: the first one that matches counts. */
export const RULES: readonly Rule[] = [
  ...PANICS,
  ...FAULTS,
  ...SANITIZERS,
  ...LOCKING,
  ...STALLS,
  ...DAMAGE,
  ...FILESYSTEMS,
  ...MEMORY_SHORTAGE,
  ...GENERAL,
  ...NOTES,
  SHOWN_TASK,
  HEADLESS,
  CUT_HERE,
];
