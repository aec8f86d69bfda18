import { blamedFunction, stableText, treePath } from '../title.ts';
import { END, inFunction, plain, type Rule, type TitleOf } from './rule.ts';

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

/** Only WARN()'s own forms: drivers print "WARNING: …" for anything they please. */
export const WARN: Rule = {
  kind: 'warning',
  severity: 'error',
  clue: 'WARNING: ',
  head: /^WARNING: (?:CPU: \d+ PID: \d+ at |at \S+:\d+|\S+:\d+ at ).*/,
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
