// Bundles the command line, the API for cuts and each cut into dist/.
//
// One build with code splitting: what two entry points share is a chunk of its own, so a cut and the
// command line that loads it see the same `rapido`, and a command costs only what it imports.
// Nothing of node_modules is read at run time but jiti, which compiles users' own cuts when asked.

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

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'dist');
/** What says that dist is complete, and when its sources were read: scripts/setup compares it. */
const STAMP = join(DIST, 'cli.js');
const DAY_MS = 24 * 60 * 60 * 1000;

const began = new Date();
const previous = statSync(STAMP, { throwIfNoEntry: false })?.mtimeMs ?? began.getTime();
const files = await bundle().catch(() => process.exit(1)); // esbuild has said what is wrong.
install(files);
removeStale(new Set(files.map((file) => file.path)));

/** Bundles in memory: a build that fails has touched nothing. */
async function bundle() {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const { outputFiles } = await build({
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
    define: { __RAPIDO_VERSION__: JSON.stringify(version) },
    // Bundled CommonJS packages (commander) call `require` for Node's own modules.
    banner: {
      js: "import { createRequire as createRequireOfBundle } from 'node:module';\nconst require = createRequireOfBundle(import.meta.url);",
    },
    // Names stay as written, for the stack traces of bug reports; Node reads the maps when it is
    // started with --enable-source-maps.
    sourcemap: 'linked',
    sourcesContent: false,
  });
  return outputFiles;
}

/** dist/cuts/NAME for cuts/NAME.ts; a name that begins with `_` is no target (template, shared code). */
function cutEntryPoints() {
  const names = readdirSync(join(ROOT, 'cuts'))
    .filter((file) => /^[^_].*\.ts$/.test(file))
    .map((file) => basename(file, '.ts'));
  return Object.fromEntries(names.map((name) => [`cuts/${name}`, `cuts/${name}.ts`]));
}

/**
 * Writes each file beside its place and renames it there: chunks first, whose names change with
 * their content, then what imports them, the stamp last. Whoever looks meanwhile, or after an
 * interruption, finds every entry point whole, old or new, with all its chunks.
 */
function install(outputs) {
  const rank = ({ path }) => (path === STAMP ? 2 : dirname(path) === join(DIST, 'chunks') ? 0 : 1);
  for (const { path, contents } of outputs.toSorted((a, b) => rank(a) - rank(b))) {
    const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(temporary, contents);
    // A source saved while we built is newer than this.
    utimesSync(temporary, began, began);
    renameSync(temporary, path);
  }
}

/**
 * Removes cuts that no longer exist, old chunks and what an interrupted build left: but no chunk of
 * the previous build or of the last day, as a rapido that is running may yet import it, and another
 * build may be at work.
 */
function removeStale(current) {
  // Times are set in whole milliseconds and read in fractions of them.
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
    return []; // No cuts yet, or no two entry points that share code.
  }
}
