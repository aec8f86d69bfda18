import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findCutFile } from '../../src/cut/load.ts';
import { validateCut } from '../../src/cut/validate.ts';
import { parseExpectedSplats } from '../../src/formats/klog/expected.ts';
import { packageOf } from '../../src/host/distribution.ts';
import { isExecutableFile } from '../../src/sys/stat.ts';
import { CHECKOUT } from '../support/workspace.ts';

const directory = join(CHECKOUT, 'cuts');
const files = readdirSync(directory).filter((file) => file.endsWith('.ts'));
const targets = files.filter((file) => !file.startsWith('_'));

async function readCut(file: string) {
  const path = join(directory, file);
  const module: { default: unknown } = await import(path);
  return validateCut(module.default, path);
}

test('there are cuts, with names that are easy to type', () => {
  expect(targets).toContain('simple-example.ts');
  for (const file of targets) expect(file).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*\.ts$/);
});

const directories = { root: CHECKOUT, cache: '', config: '', state: '' };

/** A cut as the search finds it. */
const fileOf = (file: string) => ({
  name: basename(file, '.ts'),
  path: join(directory, file),
  origin: { kind: 'built-in' as const, directory },
  shadows: [],
});

describe.each(targets)('cuts/%s', (file) => {
  test('is a valid cut', async () => {
    expect((await readCut(file)).summary).toMatch(/^[A-Z].*[^.]$/);
  });

  test.each(['apt', 'dnf', 'zypper'] as const)(
    'its programs have a known package for %s',
    async (manager) => {
      const cut = await readCut(file);
      const names = (cut.binaries ?? []).filter((name) => !name.includes('${'));
      const unknown = names.filter((name) => packageOf(name, manager) === undefined);
      // openSUSE does not have dropbear.
      const nowhere = manager === 'zypper' ? ['dropbear', 'dropbearkey', 'dropbearconvert'] : [];
      expect(unknown.filter((name) => !nowhere.includes(name))).toEqual([]);
    },
  );

  test('its autorun scripts exist in autorun/ and are executable', async () => {
    const cut = await readCut(file);
    for (const name of cut.autorun ?? []) {
      const script = findCutFile('autorun', name, fileOf(file), directories);
      expect(isExecutableFile(script), script).toBe(true);
    }
  });
});

describe('expected/', () => {
  const lists = readdirSync(join(CHECKOUT, 'expected'));

  test('contains the lists that cuts name, and no others', async () => {
    const cuts = await Promise.all(targets.map(readCut));
    const named = cuts.flatMap((cut) => cut.test?.expected ?? []);
    expect([...new Set(named)].sort()).toEqual(lists.toSorted());
  });

  test.each(lists)('%s excuses only reports that a test provokes', (name) => {
    const path = findCutFile('expected', name, fileOf('fstests-xfs.ts'), directories);
    const entries = parseExpectedSplats(readFileSync(path, 'utf8'), name);
    expect(entries.length).toBeGreaterThan(0);
    for (const { test, pattern, where } of entries) {
      expect(test, where).toBeDefined();
      // A pattern that matches a kind, but not all of it.
      expect(pattern.source, where).toMatch(/^\^[\w-]+: ./);
    }
  });
});

test('cuts/_template.ts is a valid cut that shows every field', async () => {
  const template = await readCut('_template.ts');
  expect(Object.keys(template)).toEqual(
    expect.arrayContaining(['summary', 'binaries', 'drivers', 'trees', 'autorun', 'resources']),
  );
});
