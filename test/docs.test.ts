import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { expectToPrint, isAboutOtherHosts, openPage } from './support/pages.ts';
import {
  neutralize,
  patternOf,
  readCodeBlocks,
  readPage,
  readSteps,
} from './support/transcripts.ts';
import { CHECKOUT } from './support/workspace.ts';

const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(CHECKOUT, 'docs')).map((name) => `docs/${name}`),
];

describe('a sample', () => {
  it('consists of commands with their output, and of lines that are typed in the guest', () => {
    const [block] = readCodeBlocks(
      '# Boot\n\n```console vm\n$ rapido boot\nup\nrapido1:~# exit\n```\n',
    );
    expect(block).toMatchObject({ line: 3, heading: 'Boot', info: 'console vm' });
    expect(readSteps(block?.text ?? '')).toEqual([
      { command: 'rapido boot', typed: ['exit'], output: 'up\nrapido1:~# exit\n' },
    ]);
    expect(() => readSteps('up\n$ rapido boot')).toThrow('must begin with "$ COMMAND"');
  });

  it('is written to the file that the line above it names', () => {
    const page =
      '`~/tests/run`, executable:\n\n```bash\ntrue\n```\n\nIn `~/notes`, see:\n\n```\nx\n```\n';
    expect(readCodeBlocks(page)).toMatchObject([
      { file: '~/tests/run', isExecutable: true },
      { file: undefined, isExecutable: false },
    ]);
  });

  it.each([
    ['one\n[…]\nfour\n', 'one\ntwo\nthree\nfour\n', true],
    ['one\n[…]\nfour\n', 'one\nfour\n', true],
    ['one\n[…]\nfour\n', 'one\ntwo\n', false],
    ['up, […]; done\n', 'up, emulated; done\n', true],
    ['up, […]; done\n', 'up,\n; done\n', false],
    ['cut in 0.98 s, 27 MiB\n', 'cut in 12.3 s, 1.5 GiB\n', true],
    ['exit status 1\n', 'exit status 2\n', false],
    ['a  b\n', 'a      b\n', true],
    ['a.b\n', 'axb\n', false],
  ])('%j for %j: %s', (expected, printed, isSame) => {
    expect(patternOf(expected).test(neutralize(printed))).toBe(isSame);
  });
});

describe('a block with commands and their output', () => {
  it.each(PAGES)('in %s is a console block with a known mark', (page) => {
    const faults = readPage(page).flatMap(({ line, info, text }) => {
      if (info.startsWith('console')) {
        return /^console( vm| no-test: \S.*)?$/.test(info) ? [] : [`${line}: ${info}`];
      }
      return /^\$ /m.test(text) ? [`${line}: is not marked as console`] : [];
    });
    expect(faults).toEqual([]);
  });
});

/** Blocks that need a VM are in test/e2e/docs.test.ts. */
const TESTED = PAGES.filter((name) => readPage(name).some(({ info }) => info === 'console'));

describe.each(TESTED)('%s shows what is printed', (name) => {
  const page = openPage(name);
  afterAll(page.remove);
  const blocks = page.blocks.filter(({ info }) => info === 'console');
  it.for(blocks)('line $line, $heading', async (block, { skip }) => {
    skip(isAboutOtherHosts(name, block), 'this host has the program that is missing there');
    await expectToPrint(page, block);
  });
});

describe('a link', () => {
  const linesOf = (page: string): string[] =>
    readFileSync(join(CHECKOUT, page), 'utf8')
      .replace(/^```.*?^```$/gms, '')
      .split('\n');
  /** The fragments of a page, as GitHub derives them from its headings. */
  const fragmentsOf = (page: string): string[] =>
    linesOf(page).flatMap((line) => {
      const title = /^#+ (.*)$/.exec(line)?.[1];
      return title === undefined
        ? []
        : [
            title
              .toLowerCase()
              .replace(/[^\p{L}\p{N} _-]/gu, '')
              .replaceAll(' ', '-'),
          ];
    });

  it.each(PAGES)('in %s leads to a file and a heading that exist', (page) => {
    const links = linesOf(page)
      .join(' ')
      .matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g);
    const broken = [...links].filter(([, path = '', fragment]) => {
      const target = path === '' ? page : join(dirname(page), path);
      if (!existsSync(join(CHECKOUT, target))) return true;
      return fragment !== undefined && !fragmentsOf(target).includes(fragment);
    });
    expect(broken.map(([link]) => link)).toEqual([]);
  });
});
