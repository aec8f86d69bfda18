import type { ConfKey, ConfKeyTable } from './key.ts';
import { quoteConfValue } from './quote.ts';
import { CONF_KEYS, VM_KEYS } from './schema.ts';
import { describeForm, isFormShown } from './types.ts';

const WIDTH = 79;

const INTRODUCTION = [
  "rapido configuration. Copy this file to rapido.conf and remove the # in front of the keys that you want to set. All keys are optional: without any of them, rapido boots one of the host's kernels. `rapido conf` prints the current value of each key and its source.",
  'rapido reads the first of these files that exists: the argument of --conf, $RAPIDO_CONF, ./rapido.conf, rapido.conf in the rapido checkout, ~/.config/rapido/rapido.conf, /etc/rapido.conf. A non-empty environment variable with the name of a key overrides the file.',
  'Write one KEY="value" per line. "${KEY}" expands to the value of a key that is set above, of a key with a default, of RAPIDO_DIR (the rapido checkout), or of an environment variable. Nothing is expanded between single quotes. \\$ is a dollar sign. A backslash at the end of a line continues the line. A # at the start of a line or after a blank starts a comment. Paths may begin with ~/; relative paths are relative to the directory of this file. A key set to "" has its default value, or is empty if it is a list. This file is data, not shell code: commands are rejected.',
  'The keys from "xfstests" on only affect the targets that use them. Some belong to targets of the original tool that rapido does not have (see `rapido list`); they are accepted so that its files work.',
] as const;

const VM_INTRODUCTION =
  'A section sets the keys of one VM: [vm1] for the first VM, [vm2] for the second, and so on. Put sections last: all keys below a section line belong to that section.';

/** The text of `rapido.conf.example`: every key, all commented out. */
export function formatConfExample(keys: ConfKeyTable = CONF_KEYS): string {
  const blocks = [INTRODUCTION.flatMap((text, index) => [...(index ? ['#'] : []), ...wrap(text)])];
  let group: string | undefined;
  for (const [name, key] of Object.entries(keys)) {
    if (key.group !== group && key.group !== undefined) blocks.push([formatHeading(key.group)]);
    group = key.group;
    blocks.push(formatKey(name, key));
  }
  blocks.push([formatHeading('Each VM')], wrap(VM_INTRODUCTION), formatVmSection());
  blocks.push(
    ['#[vm2]', '#ADDRESS="192.168.155.12/24, fd00::12/64"'],
    ['#[vm3]', '#ADDRESS="dhcp"'],
  );
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function formatHeading(title: string): string {
  return `##### ${title} `.padEnd(WIDTH, '#');
}

function formatKey(name: string, key: ConfKey): string[] {
  const lines = wrap(key.meaning);
  if (isFormShown(key)) lines.push(...wrap(`Form: ${describeForm(key)}.`));
  if (key.deprecated !== undefined) lines.push(...wrap(`Deprecated. ${key.deprecated}`));
  if (key.example !== undefined) lines.push(`# Example: ${name}=${quoteExample(key.example)}`);
  return [...lines, ...formatSetting(name, key.default ?? '')];
}

/** References in examples and defaults are meant as such, so `$` is not escaped here. */
function quoteExample(value: string): string {
  return quoteConfValue(value).replaceAll('\\$', '$');
}

/** `#KEY="value"`, the value of a long line continued by backslashes. */
function formatSetting(name: string, value: string): string[] {
  const line = `#${name}=${quoteExample(value)}`;
  if (line.length <= WIDTH) return [line];
  return line
    .split(' ')
    .map(
      (word, index, words) =>
        `${index ? '#\t' : ''}${word}${index < words.length - 1 ? ' \\' : ''}`,
    );
}

function formatVmSection(): string[] {
  const keys = Object.entries(VM_KEYS as ConfKeyTable);
  return [
    '#[vm1]',
    ...keys.flatMap(([name, key]) => [
      ...wrap(key.meaning),
      `#${name}=${quoteExample(key.example ?? '')}`,
    ]),
  ];
}

/** Comment lines of at most 79 columns. A longer word has a line of its own; text in `backticks` is not broken. */
function wrap(text: string): string[] {
  const lines: string[] = [];
  let line = '#';
  for (const word of text.match(/(?:`[^`]*`|[^\s`])+/g) ?? []) {
    if (line.length + 1 + word.length > WIDTH && line !== '#') {
      lines.push(line);
      line = '#';
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}
