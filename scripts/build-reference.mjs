// Writes the completion scripts, the man page and the schema of result.json into dist/. They are made from the
// definitions of the commands and of the result.

import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { browserBundles } from './browser-bundle.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

const { referenceFiles } = await load('scripts/reference/files.ts');
for (const [name, text] of Object.entries(referenceFiles(version))) {
  const path = join(ROOT, 'dist', name);
  mkdirSync(dirname(path), { recursive: true });
  // A shell that reads the file meanwhile gets the old or the new one.
  writeFileSync(`${path}.${process.pid}`, text);
  renameSync(`${path}.${process.pid}`, path);
}

/** Imports a TypeScript module. */
async function load(source) {
  const directory = mkdtempSync(join(tmpdir(), 'rapido-build-'));
  try {
    const outfile = join(directory, 'module.cjs');
    await build({
      absWorkingDir: ROOT,
      entryPoints: [source],
      outfile,
      bundle: true,
      format: 'cjs',
      platform: 'node',
      external: ['jiti'],
      plugins: [browserBundles],
      logLevel: 'error',
      // Only code that is not called here needs it.
      define: { 'import.meta.url': '""' },
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
