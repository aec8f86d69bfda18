// Bundles the command line, the API for cuts and each cut into dist/.
//
// It is one build with code splitting: code that two entry points share is in a chunk, so a cut and the
// command line that loads it use the same `rapido`, and a command loads only what it imports. At run time,
// only jiti is read from node_modules; it compiles the user's own cuts on demand. It finds its compiler beside its
// own file, so it is not bundled; the npm package contains it (bundleDependencies).

import { randomBytes } from 'node:crypto';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { browserBundles } from './browser-bundle.mjs';
import { collectLicences } from './third-party-licences.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'dist');
/** Written last. Its timestamp is the start of the build, which scripts/setup compares with the sources. */
const STAMP = join(DIST, 'cli.js');
const DAY_MS = 24 * 60 * 60 * 1000;

const began = new Date();
const previous = statSync(STAMP, { throwIfNoEntry: false })?.mtimeMs ?? began.getTime();
const files = await bundle().catch(() => process.exit(1)); // esbuild has printed the errors.
install(files);
removeStale(new Set(files.map((file) => file.path)));

/** Bundles in memory, so that a failed build changes nothing. */
async function bundle() {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const { outputFiles, metafile } = await build({
    metafile: true,
    absWorkingDir: ROOT,
    entryPoints: { cli: 'src/cli.ts', index: 'src/index.ts', ...cutEntryPoints() },
    outdir: DIST,
    write: false,
    bundle: true,
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    alias: { rapido: join(ROOT, 'src/index.ts') },
    external: ['jiti'],
    plugins: [browserBundles],
    define: { __RAPIDO_VERSION__: JSON.stringify(version) },
    // Bundled CommonJS packages (commander) call `require` for Node's own modules.
    banner: {
      js: "import { createRequire as createRequireOfBundle } from 'node:module';\nconst require = createRequireOfBundle(import.meta.url);",
    },
    // For the stack traces in bug reports: names are not minified, and src/sys/source-positions.ts reads the maps.
    sourcemap: 'linked',
    sourcesContent: false,
  });
  const licences = Buffer.from(collectLicences(metafile.outputs, ROOT));
  return [...outputFiles, { path: join(DIST, 'THIRD-PARTY-LICENCES.txt'), contents: licences }];
}

/** dist/cuts/NAME for each cuts/NAME.ts. Files whose names begin with `_` are not targets (template, shared code). */
function cutEntryPoints() {
  const names = readdirSync(join(ROOT, 'cuts'))
    .filter((file) => /^[^_].*\.ts$/.test(file))
    .map((file) => basename(file, '.ts'));
  return Object.fromEntries(names.map((name) => [`cuts/${name}`, `cuts/${name}.ts`]));
}

/**
 * Writes each file under a temporary name and renames it: first chunks, whose names depend on their
 * content, then the entry points that import them, and STAMP last. At any time, and after an interruption,
 * every entry point is complete, old or new, with all its chunks.
 */
function install(outputs) {
  const rank = ({ path }) => (path === STAMP ? 2 : dirname(path) === join(DIST, 'chunks') ? 0 : 1);
  for (const { path, contents } of outputs.toSorted((a, b) => rank(a) - rank(b))) {
    const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(temporary, contents);
    // A source that is saved during the build is newer than this.
    utimesSync(temporary, began, began);
    renameSync(temporary, path);
  }
}

/**
 * Removes cuts that no longer exist, old chunks and files of interrupted builds. Keeps chunks of the previous
 * build and of the last day, because a running rapido may still import them, and another build may be in
 * progress.
 */
function removeStale(current) {
  // Times are set in whole milliseconds, but read with fractions.
  const oldest = Math.floor(Math.min(previous, began.getTime() - DAY_MS)) - 1;
  const isOld = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs < oldest;
  const isTemporary = (path) => basename(path).startsWith('.');
  const isStale = {
    '.': (path) => isTemporary(path) && isOld(path),
    chunks: isOld,
    cuts: (path) => !isTemporary(path) || isOld(path),
  };
  for (const [directory, test] of Object.entries(isStale)) {
    for (const name of readdirIfThere(join(DIST, directory))) {
      const path = join(DIST, directory, name);
      if (!current.has(path) && test(path)) rmSync(path, { force: true });
    }
  }
}

function readdirIfThere(directory) {
  try {
    return readdirSync(directory);
  } catch {
    return []; // There are no cuts, or no two entry points share code.
  }
}
