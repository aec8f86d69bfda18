import type { Severity, SplatKind } from '../splat.ts';
import { blamedFunction, stableText, type Where } from '../title.ts';

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
export const END = /^---\[ end |^={20,}$/;

/** `TITLE in FUNCTION`, or the title alone until the function is known; `$1` is the first group. */
export function inFunction(title: string, where: Where = 'pc', skip?: RegExp): TitleOf {
  return (head, lines) => {
    const text = title.replace(/\$(\d)/g, (_, group: string) => head[Number(group)] ?? '');
    return text + suffix(blamedFunction(lines, where, skip));
  };
}

export function suffix(name: string | undefined): string {
  return name === undefined ? '' : ` in ${name}`;
}

/** A title that needs nothing but the head line; `$1` stands for the first group, made stable. */
export function plain(title: string): TitleOf {
  return (head) =>
    title.replace(/\$(\d)/g, (_, group: string) => stableText(head[Number(group)] ?? ''));
}
