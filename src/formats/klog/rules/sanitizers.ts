import { functionAt, unannouncedStack } from '../stack.ts';
import { blamedFunction, treePath } from '../title.ts';
import { END, plain, type Rule, suffix, type TitleOf } from './rule.ts';

/** Sanitizers name the function in the head line. If it is a helper such as memcpy, its caller is used. */
function sanitizer(name: string): TitleOf {
  return ([, what = '', where = ''], lines) => {
    const access = lines
      .map((line) => /^(Read|Write) (?:of size|at addr)/.exec(line)?.[1])
      .find(Boolean);
    const title = `${name}: ${what.trim()}${access === undefined ? '' : ` ${access}`}`;
    const blamed =
      blamedFunction([` ${where}`], 'frames') ??
      blamedFunction(unannouncedStack(lines), 'frames') ??
      blamedFunction(lines, 'frames') ??
      functionAt(where);
    return title + suffix(blamed);
  };
}

export const SANITIZERS: readonly Rule[] = [
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
    head: /^BUG: KMSAN: (.*?)(?: in (\S+)(?: \[\w+\])?)?$/,
    title: sanitizer('KMSAN'),
    until: /^={5,}$/,
  },
  {
    kind: 'kfence',
    severity: 'error',
    clue: 'BUG: KFENCE',
    head: /^BUG: KFENCE: (.*?)(?: in (\S+)(?: \[\w+\])?)?$/,
    title: sanitizer('KFENCE'),
    until: /^={20,}$/,
  },
  {
    // The head line contains both functions of the race, in alphabetic order.
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
