import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findCutFile } from '../../src/cut/load.ts';
import { validateCut } from '../../src/cut/validate.ts';
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

test('there are cuts, named as one types them', () => {
  expect(targets).toContain('simple-example.ts');
  for (const file of targets) expect(file).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*\.ts$/);
});

describe.each(targets)('cuts/%s', (file) => {
  test('is a valid cut', async () => {
    expect((await readCut(file)).summary).toMatch(/^[A-Z].*[^.]$/);
  });

  test('its autorun scripts exist in autorun/, and can be executed', async () => {
    const cut = await readCut(file);
    const found = {
      name: basename(file, '.ts'),
      path: join(directory, file),
      origin: { kind: 'built-in' as const, directory },
      shadows: [],
    };
    const directories = { root: CHECKOUT, cache: '', config: '', state: '' };
    for (const name of cut.autorun ?? []) {
      const script = findCutFile('autorun', name, found, directories);
      expect(isExecutableFile(script), script).toBe(true);
    }
  });
});

test('cuts/_template.ts, to be copied, is a valid cut that shows every field', async () => {
  const template = await readCut('_template.ts');
  expect(Object.keys(template)).toEqual(
    expect.arrayContaining(['summary', 'binaries', 'drivers', 'trees', 'autorun', 'resources']),
  );
});
