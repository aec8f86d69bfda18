import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { expectToPrint, isAboutOtherHosts, openPage } from './support/pages.ts';
import { readPage } from './support/transcripts.ts';
import { CHECKOUT } from './support/workspace.ts';

const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(CHECKOUT, 'docs')).map((name) => `docs/${name}`),
];

describe('every block with commands and their output', () => {
  it.each(PAGES)('of %s is tested, or says why not', (page) => {
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
