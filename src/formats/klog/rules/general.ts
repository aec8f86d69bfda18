import { functionAt } from '../stack.ts';
import { blamedFunction, stableText, treePath } from '../title.ts';
import { END, inFunction, plain, type Rule, type TitleOf } from './rule.ts';

/**
 * The head line of WARN(): `WARNING: CPU: 1 PID: 2 at FILE:LINE FUNCTION`, since Linux 6.18
 * `WARNING: FILE:LINE at FUNCTION`, with CONFIG_DEBUG_BUGVERBOSE_DETAILED
 * `WARNING: [CONDITION] FILE:LINE at FUNCTION`, and in old kernels `WARNING: at FILE:LINE FUNCTION`.
 */
const WARNED =
  /^WARNING: (?:CPU: \d+ PID: \d+ |\[.*\] )?(?:at )?(\S+?):\d+ (?:at )?([\w.$]+\+0x[0-9a-f]+\/0x[0-9a-f]+)?/;

/** The head line of WARN() names a function. If that is a helper, its caller is taken from the stack trace. */
const warning: TitleOf = (head, lines) => {
  const [, file = '', symbol = ''] = WARNED.exec(head[0]) ?? [];
  const name =
    blamedFunction([` ${symbol}`], 'frames') ?? blamedFunction(lines) ?? functionAt(symbol);
  if (name !== undefined) return `WARNING in ${name}`;
  return file === '' ? 'WARNING' : `WARNING at ${treePath(file)}`;
};

/** Matches only the forms of WARN(), because drivers print "WARNING: …" for other purposes. */
export const WARN: Rule = {
  kind: 'warning',
  severity: 'error',
  clue: 'WARNING: ',
  head: /^WARNING: (?:CPU: \d+ PID: \d+ at |at \S+:\d+|(?:\[.*\] )?\S+:\d+ at ).*/,
  title: warning,
  until: END,
  joins: true,
};

export const GENERAL: readonly Rule[] = [
  WARN,
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

/** `------------[ cut here ]------------` precedes WARN() and BUG(). The kind follows in a later line. */
export const CUT_HERE: Rule = {
  kind: 'warning',
  severity: 'error',
  clue: '[ cut here ]',
  head: /^-+\[ cut here \]-+/,
  title: (_, lines) => {
    const message = lines.find((line) => !/\[ cut here \]/.test(line));
    return message === undefined ? 'report cut short' : `report cut short: ${stableText(message)}`;
  },
  until: END,
};
