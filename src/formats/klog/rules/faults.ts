import { functionAt } from '../stack.ts';
import { blamedFunction, recursiveFunction, stableText, treePath } from '../title.ts';
import { END, inFunction, type Rule, suffix } from './rule.ts';

export const FAULTS: readonly Rule[] = [
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
    title: (_, lines) => `stack guard page was hit${suffix(recursiveFunction(lines))}`,
    until: END,
  },
  {
    kind: 'stack',
    severity: 'oops',
    clue: 'Insufficient stack space',
    head: /^Insufficient stack space to handle exception!/,
    title: (_, lines) => `kernel stack overflow${suffix(recursiveFunction(lines))}`,
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
    head: /^(?:BUG: |CPU \d+ )?[Uu]nable to handle (?:kernel\b|page fault|.* address)/,
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
    head: /^[Kk]ernel BUG at (\S+?)(?::\d+)?(?:!| \[verbose debug info unavailable\])?$/,
    title: ([, file = ''], lines) =>
      (/^[^+]*[/.][^+]*$/.test(file) ? `kernel BUG at ${treePath(file)}` : 'kernel BUG') +
      suffix(blamedFunction(lines) ?? functionAt(file)),
    until: END,
    joins: true,
  },
  {
    kind: 'gpf',
    severity: 'oops',
    clue: 'general protection fault',
    head: /(?:^|[ .:\]])general protection fault.*\[#\d+\]/,
    title: inFunction('general protection fault'),
    until: END,
    joins: true,
  },
  {
    // die() prints `WHAT: 0000 [#1] PREEMPT SMP`; riscv has no code, s390 has `ilc:2` before the counter.
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
      const message = lines[lines.indexOf(head.input) + 1];
      const what = message === undefined ? 'Rust panic' : `Rust panic: ${stableText(message)}`;
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
