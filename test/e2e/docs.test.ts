import { afterAll, beforeAll, describe, it } from 'vitest';
import { canMakeNetworks, makeNetworkNamespace } from '../support/network-namespace.ts';
import { expectToPrint, openPage } from '../support/pages.ts';

const PAGES = ['README.md', 'docs/ci-and-bisect.md', 'docs/writing-cuts.md'];

describe.each(PAGES)('%s shows what is printed', (name) => {
  const page = openPage(name);
  afterAll(page.remove);
  const blocks = page.blocks.filter(({ info }) => info === 'console vm');
  it.each(blocks)('line $line, $heading', (block) => expectToPrint(page, block));
});

describe.runIf(canMakeNetworks)('docs/networking.md shows what is printed', () => {
  const prefix: string[] = [];
  beforeAll(() => {
    // An afterAll registered here would never run.
    let undo = (): void => {};
    const space = makeNetworkNamespace((remove) => {
      undo = remove;
    });
    prefix.push(...space.prefix);
    return () => undo();
  });
  const page = openPage('docs/networking.md', prefix);
  afterAll(page.remove);
  const blocks = page.blocks.filter(({ info }) => info === 'console vm');
  it.each(blocks)('line $line, $heading', (block) => expectToPrint(page, block));
});
