import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createKernelReader, type Head } from '../../../src/formats/klog/heads.ts';
import { parseKernelLines } from '../../../src/formats/klog/line.ts';
import { createSplatScanner } from '../../../src/formats/klog/scanner.ts';
import { scanConsole, stamped, verdicts } from './scan.ts';

const CORPUS = join(import.meta.dirname, 'corpus');
const logs = readdirSync(CORPUS, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.log'))
  .sort();
const readLog = (name: string): string[] => readFileSync(join(CORPUS, name), 'utf8').split('\n');

const ESC = '\u001b';

/** Escape sequences of every kind in ECMA-48, ISO 2022 and xterm's ctlseqs. */
const SEQUENCES = [
  // CSI: colours, cursor, modes, private and intermediate characters; the same in 8 bits.
  '[0;31m',
  '[1;38;5;208m',
  '[38:2::1:2:3m',
  '[H',
  '[12;40H',
  '[2J',
  '[K',
  '[?25l',
  '[?2004h',
  '[>0;276;0c',
  '[=1;2c',
  '[<0;1;1M',
  '[4 q',
  '[!p',
  '[1$r',
  '[6n',
  '[200~',
  // OSC, ended by BEL and by ST.
  ']0;a title\u0007',
  `]8;;https://example.org/${ESC}\\`,
  ']52;c;aGVsbG8=\u0007',
  ']P0ff0000',
  // DCS, SOS, PM, APC.
  `P1$r0m${ESC}\\`,
  `P0;1|17/ab${ESC}\\`,
  `Xstring${ESC}\\`,
  `^private${ESC}\\`,
  `_app${ESC}\\`,
  // SS2, SS3, charset selections, line drawing, and others of two or three characters.
  'Na',
  'OP',
  '(B',
  ')0',
  '*A',
  '+B',
  '-A',
  '.A',
  '/A',
  '%G',
  '#8',
  ' F',
  '7',
  '8',
  '=',
  '>',
  'c',
  'M',
  'n',
  '|',
].map((sequence) => `${ESC}${sequence}`);
const C1 = ['\u009b0;31m', '\u009d0;a title\u009c', '\u0090q\u009c', '\u008e', '\u008f'];

/** Each of them cut at each character. */
const CUT_SEQUENCES = [...SEQUENCES, ...C1].flatMap((sequence) =>
  [...sequence].map((_, at) => sequence.slice(0, at + 1)),
);

/** What a program may have printed, and incomplete text of the kernel. */
// biome-ignore format: a list of short words
const OTHERS = [
  '\r',
    '\0',
    '\t',
    '# ',
    'login: ',
    'ok 1 - foo',
    '<4>',
    '\ufffd',
    'ä',
    '\b\b',
    '[',
    '[[[[',
    '[  ',
  '[   10',
    '[   10.',
    '[   10.0000',
    '[   10.000000',
    '[   10.000000][',
    '[   10.000000][    T',
  '[   99.000000] ',
    '[   99.000000][    T1] half a line of dmesg',
    '[  1 2.345678] ',
    '[12:00:01] ',
];

/** Console lines that begin a report, and the rule by which they do. */
const heads = logs.flatMap((name) =>
  readLog(name).flatMap((raw) => {
    const [head] = readHeads(raw);
    return head?.line.time === undefined ? [] : [{ raw, rule: head.rule }];
  }),
);

function readHeads(line: string): Head[] {
  return createKernelReader().read(line).heads;
}

describe('no prefix hides a report', () => {
  const prefixes = [...new Set([...CUT_SEQUENCES, ...OTHERS])];

  test('finds the timestamp of every first line of a report in the corpus behind every prefix', () => {
    const lines = [...new Set(heads.map(({ raw }) => raw))];
    expect(lines.length).toBeGreaterThan(300);
    const hidden = lines.flatMap((line) => {
      const wanted = parseKernelLines(line).at(-1);
      return prefixes
        .map((prefix) => prefix + line)
        .filter((cut) => {
          const found = parseKernelLines(cut).at(-1);
          return found?.shown !== wanted?.shown || found?.text !== wanted?.text;
        });
    });
    expect(hidden.map((cut) => JSON.stringify(cut))).toEqual([]);
  });

  test('recognizes a report of every rule behind every prefix', () => {
    const byRule = new Map(heads.map(({ rule, raw }) => [rule, raw]));
    expect(byRule.size).toBeGreaterThan(60);
    const hidden = [...byRule.values()].flatMap((line) => {
      const wanted = readHeads(line).map(({ rule }) => rule);
      return prefixes
        .map((prefix) => prefix + line)
        .filter((cut) => {
          const found = readHeads(cut).map(({ rule }) => rule);
          return found.length !== wanted.length || found.some((rule, at) => rule !== wanted[at]);
        });
    });
    expect(hidden.map((cut) => JSON.stringify(cut))).toEqual([]);
  });

  test.each(logs)('reads all of %s alike if every line has one', (name) => {
    const lines = readLog(name);
    const cut = lines.map((line, index) => {
      const prefix = prefixes[(index + logs.indexOf(name)) % prefixes.length];
      return /\[ *\d+\.\d{6}\]/.test(line) ? prefix + line : line;
    });
    expect(scanConsole(cut).splats).toEqual(scanConsole(lines).splats);
  });
});

describe('the name of a task hides no report', () => {
  const hung = (name: string): string =>
    `INFO: task ${name}:18088 blocked for more than 143 seconds.`;

  test.each([
    'a',
    '\u001b[0;3',
    'a\u001b]0;b',
    '\u001b',
    'a b c',
    ']: segfault ',
    '[    0.000000]',
    '[    0.000000] ',
    'x\r',
    '\u009b1',
    'Command line:',
  ])('%j', (name) => {
    expect(verdicts(scanConsole(stamped([hung(name)])).splats)).toEqual([
      'error hung-task: INFO: task hung',
    ]);
  });

  test.each(['a\nb', '\na', 'a\n', '\n', 'a\n\n\nb', '\n[    0.000000]', '[    0.000000]\n'])(
    '%j, with a timestamp on each line',
    (name) => {
      const [first = '', ...rest] = hung(name).split('\n');
      const [stampedFirst = ''] = stamped([first], 10, 'T41');
      const stamp = stampedFirst.slice(0, stampedFirst.length - first.length);
      const lines = [stampedFirst, ...rest.map((text) => `${stamp}${text}`)];
      const { splats } = scanConsole([
        ...lines,
        'a line of a program',
        ...stamped([' ended'], 20, 'T41'),
      ]);
      expect(verdicts(splats)).toEqual(['error hung-task: INFO: task hung']);
      expect(
        splats[0]?.text.split('\n').slice(0, lines.length).join('\n').replaceAll(' ', ''),
      ).toBe(lines.join('\n').replaceAll(' ', ''));
    },
  );
});

describe('lines that Linux 4.x left unfinished', () => {
  test('counts both reports of one console line', () => {
    const line =
      '[   12.000000] general protection fault: 0000 [#1] [   12.000100] INFO: task a:1 blocked for more than 120 seconds.';
    expect(verdicts(scanConsole([line]).splats)).toEqual([
      'fatal gpf: general protection fault',
      'error hung-task: INFO: task hung',
    ]);
  });

  test.each([
    ['INFO: task a:1 blocked for more than 120 seconds.', 'error hung-task: INFO: task hung'],
    ['WARNING: CPU: 0 PID: 1 at fs/a.c:1 foo+0x1/0x2', 'error warning: WARNING in foo'],
    ['BUG: KASAN: use-after-free in foo+0x1/0x2', 'error kasan: KASAN: use-after-free in foo'],
    ['BUG: soft lockup - CPU#0 stuck for 22s! [a:1]', 'error soft-lockup: soft lockup'],
    ['kernel BUG at fs/a.c:1!', 'fatal bug: kernel BUG at fs/a.c'],
    ['general protection fault: 0000 [#1] SMP', 'fatal gpf: general protection fault'],
    ['Kernel panic - not syncing: Fatal exception', 'fatal panic: kernel panic: Fatal exception'],
    ['------------[ cut here ]------------', 'error warning: report cut short'],
  ])('%s behind other text', (report, verdict) => {
    expect(verdicts(scanConsole(stamped([`foo: probing ... ${report}`])).splats)).toEqual([
      verdict,
    ]);
  });
});

describe('what is not a new report', () => {
  test('dmesg in the middle of a line, coloured, or behind text: a report counts once', () => {
    const report = stamped(['INFO: task a:1 blocked for more than 120 seconds.'])[0] ?? '';
    const [stamp = '', text = ''] = report.split(/(?<=\] )/);
    const replays = [
      report,
      `output: ${report}`,
      `${ESC}[32m${stamp}${ESC}[0m${ESC}[33mINFO: ${ESC}[0mtask a:1 blocked for more than 120 seconds.`,
      `<4>${report}`,
      `${stamp}${text}\r`,
    ];
    expect(scanConsole([report, ...replays]).splats).toHaveLength(1);
  });

  test('counts what only dmesg --color shows', () => {
    const line = `${ESC}[32m[   12.000000] ${ESC}[0m${ESC}[33mINFO: ${ESC}[0mtask a:1 blocked for more than 120 seconds.`;
    expect(scanConsole([line]).splats).toHaveLength(1);
  });

  test.each([
    'Kernel command line: foo="BUG: KASAN: use-after-free in foo" Kernel panic - not syncing: x',
    'lkdtm: WARNING: CPU and others',
    'the test greps for INFO: task and blocked',
  ])('%s', (text) => {
    expect(scanConsole(stamped([text])).splats).toEqual([]);
  });
});

test('a flood of coloured output costs little more than a plain one', () => {
  const scanner = createSplatScanner({ onBegin: () => {}, onFatal: () => {}, onEnd: () => {} });
  const timeOf = (line: string): number => {
    const begun = performance.now();
    for (let count = 0; count < 20_000; count++) scanner.push(line);
    return performance.now() - begun;
  };
  const coloured = `${ESC}[0;31mred${ESC}[0m ${ESC}[1;32mgreen${ESC}[0m`;
  const ratios = Array.from({ length: 7 }, () => timeOf(coloured) / timeOf('red and plain green'));
  expect(ratios.sort((a, b) => a - b)[3]).toBeLessThan(10);
});
