import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKOUT } from './workspace.ts';

/** A fenced code block of a page. */
export interface CodeBlock {
  /** Line number of the opening fence, from 1. */
  line: number;
  /** The heading above it, without `#`. */
  heading: string;
  /** The words after the fence: `console`, `console vm`, `sh`, or nothing. */
  info: string;
  text: string;
  /** The file that the text before it names: "`~/count-words.sh`:" or "`tests/run`, executable:". */
  file: string | undefined;
  isExecutable: boolean;
}

/** A command at the prompt `$`, and everything that it prints. */
export interface Step {
  command: string;
  /** What is typed at prompts of the guest while the command runs. */
  typed: string[];
  output: string;
}

const GUEST_PROMPT = /^rapido\d+:\S*# (.*)$/;

/** The code blocks of a page, in order. A fence may be indented, as in a list. */
export function readCodeBlocks(page: string): CodeBlock[] {
  const lines = page.split('\n');
  const blocks: CodeBlock[] = [];
  let heading = '';
  let said = '';
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    heading = /^#+ (.*)$/.exec(line)?.[1] ?? heading;
    const fence = /^( *)```(.*)$/.exec(line);
    if (fence === null) {
      if (line.trim() !== '') said = line;
      continue;
    }
    const [, indent = '', info = ''] = fence;
    const end = lines.indexOf(`${indent}\`\`\``, at + 1);
    if (end === -1) throw new Error(`line ${at + 1}: this code block does not end`);
    const text = lines.slice(at + 1, end).map((inner) => inner.slice(indent.length));
    const [, file, how] = /`(~?[^\s`]*\/[^\s`]+)`(, executable)?:$/.exec(said) ?? [];
    blocks.push({
      line: at + 1,
      heading,
      info,
      text: text.join('\n'),
      file,
      isExecutable: how !== undefined,
    });
    said = '';
    at = end;
  }
  return blocks;
}

export function readPage(name: string): CodeBlock[] {
  return readCodeBlocks(readFileSync(join(CHECKOUT, name), 'utf8'));
}

/** @throws if the block does not begin with a command */
export function readSteps(text: string): Step[] {
  const steps: Step[] = [];
  for (const line of text.split('\n')) {
    const command = /^\$(?: (.*))?$/.exec(line);
    const step = steps.at(-1);
    if (command !== null) {
      steps.push({ command: command[1] ?? '', typed: [], output: '' });
    } else if (step === undefined) {
      throw new Error(`a console block must begin with "$ COMMAND", not with: ${line}`);
    } else {
      const typed = GUEST_PROMPT.exec(line)?.[1];
      if (typed !== undefined) step.typed.push(typed);
      step.output += `${line}\n`;
    }
  }
  return steps;
}

/** What differs from one run, machine or kernel to the next, and what is shown instead. */
const VARIABLE: [RegExp, string][] = [
  [/ {2,}/g, '  '],
  // Progress: a live line on a terminal.
  [/(?:dracut: [a-z ]*?|unpacking the kernel)(?:\n| (?=dracut: |unpacking|booting |\/))/g, ''],
  [/\[ *\d+\.\d{6}\]/g, '[TIME]'],
  [/\d+ min(?: \d+ s)?|\d+\.\d+ s/g, 'DURATION'],
  [/\d+(?:\.\d+)? (?:B|KiB|MiB|GiB)\b/g, 'SIZE'],
  [/\b\d+\.\d+(?:\.\d+)?[-+][\w.+-]*\w/g, 'RELEASE'],
  [/\b\d{8}-\d{6}-([\w-]+)-[0-9a-f]{4}\b/g, 'RUN-OF-$1'],
  [/\b[A-Z][a-z]{2} \d\d +(?:\d\d:\d\d|\d{4})\b/g, 'DATE'],
  // PID and time since the start, in `rapido ps`.
  [/ {2}\d+ {2}(?:\d+ s|\d+ h \d+ min|DURATION) {2}/g, '  PID  UP  '],
  // root needs no sudo.
  [/\bsudo (?=apt )/g, ''],
];

/** Replaces what is expected to vary, and the width of columns. */
export function neutralize(text: string): string {
  return VARIABLE.reduce((changed, [pattern, word]) => changed.replace(pattern, word), text);
}

/** @returns a pattern for a whole output: `[…]` is any text in a line, or any number of lines */
export function patternOf(expected: string): RegExp {
  const pattern = neutralize(expected)
    .split(/(?<=^|\n)\[…\]\n/)
    .map((part) => part.split('[…]').map(escapePattern).join('.*?'))
    .join('(?:.*\n)*?');
  return new RegExp(`^${pattern}$`);
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
