import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { toSourcePositions } from '../../src/sys/source-positions.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';

test('positions in a bundled file become those in its source', async () => {
  const directory = makeTemporaryDirectory();
  mkdirSync(join(directory, 'src'));
  writeFiles(directory, {
    'src/fail.ts': `
      type Nothing = undefined;
      export function fail(): Nothing {
        throw new Error('on line 4');
      }`,
  });
  await build({
    absWorkingDir: directory,
    entryPoints: ['src/fail.ts'],
    outfile: join(directory, 'dist/chunks/fail.js'),
    bundle: true,
    format: 'esm',
    sourcemap: 'linked',
    sourcesContent: false,
    logLevel: 'silent',
  });
  const bundled = pathToFileURL(join(directory, 'dist/chunks/fail.js')).href;
  const { fail } = await import(/* @vite-ignore */ bundled);
  // vitest would translate the positions itself.
  const stack = `Error: on line 4\n    at fail (${bundled}:3:9)\n    at node:internal:1:2`;
  expect(fail).toThrow('on line 4');
  expect(toSourcePositions(stack)).toBe(
    'Error: on line 4\n    at fail (src/fail.ts:4:15)\n    at node:internal:1:2',
  );
});

test('a file without a source map keeps its positions', () => {
  const stack = 'Error: no\n    at run (file:///nowhere/a%20b/run.js:1:2)';
  expect(toSourcePositions(stack)).toBe(stack);
});
