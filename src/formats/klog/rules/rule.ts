import type { Severity, SplatKind } from '../splat.ts';
import { blamedFunction, stableText, type Where } from '../title.ts';

/** Makes a title from the match of the head line and all lines so far, including the head line. */
export type TitleOf = (head: RegExpExecArray, lines: readonly string[]) => string;

/** Recognises one kind of head line, with which the kernel begins a report. */
export interface Rule {
  kind: SplatKind;
  /**
   * `oops` is fatal unless the option `oopsIsFatal` is false. `silent` lines are not a splat; they are taken so
   * that they do not count as one.
   */
  severity: Severity | 'oops' | 'silent';
  /** Literal texts, one of which is in every head line. They are searched before the expressions are tried. */
  clue: string | readonly string[];
  /** Matched against the text after the timestamp. */
  head: RegExp;
  title: TitleOf;
  /**
   * Where the report ends: with this line, at the end of a stack trace, or with a line that matches.
   * Default: `trace`.
   */
  until?: 'line' | 'trace' | RegExp;
  /** Whether it may be a later line of a splat of another kind that names the cause. */
  joins?: true;
}

/** `---[ end trace 0123456789abcdef ]---`, or the bar below the reports of sanitizers. */
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

/** A title that depends only on the head line; `$1` is the first group, passed through `stableText`. */
export function plain(title: string): TitleOf {
  return (head) =>
    title.replace(/\$(\d)/g, (_, group: string) => stableText(head[Number(group)] ?? ''));
}
