import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { CHECKOUT } from './support/workspace.ts';

/** What stands in src/, in the order of the flow: each may import from itself and from what follows. */
const LAYERS = [
  'cli.ts',
  'commands',
  'show',
  'setup',
  'run',
  'machine',
  'cli',
  'page',
  'export',
  'results',
  'vm',
  'image',
  'cut',
  'net',
  'conf',
  'host',
  'ui',
  'formats',
  'sys',
  'errors.ts',
];

/** The API for people who write cuts: it stands beside the flow, and nothing of ours imports it. */
const API = 'index.ts';

const SRC = join(CHECKOUT, 'src');

interface SourceFile {
  /** Below src/. */
  name: string;
  text: string;
  imports: string[];
}

/** `import … from '…'`, `export … from '…'`, `import '…'` and `import('…')`, types included. */
const IMPORT =
  /^(?:import|export)\b[^;'"]*?\bfrom\s*'([^']+)'|^import\s*'([^']+)'|\bimport\(\s*'([^']+)'/gm;

function readSource(name: string): SourceFile {
  const text = readFileSync(join(SRC, name), 'utf8');
  const imports = [...text.matchAll(IMPORT)].map(
    ([, from, bare, lazy]) => from ?? bare ?? lazy ?? '',
  );
  const resolved = imports.map((path) =>
    path.startsWith('.') ? relative(SRC, resolve(SRC, dirname(name), path)) : path,
  );
  return { name, text, imports: resolved };
}

const isOurs = (path: string): boolean => /\.tsx?$/.test(path);

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter(isOurs)
  .map(readSource);

const layerOf = (name: string): string => name.replace(/\/.*/, '');

/** `FILE -> IMPORTED` for each import that is not as it should be. */
function offending(isWrong: (file: SourceFile, imported: string) => boolean): string[] {
  return files.flatMap((file) =>
    file.imports
      .filter((imported) => isWrong(file, imported))
      .map((imported) => `${file.name} -> ${imported}`),
  );
}

test('finds every import in src/', () => {
  const names = new Set(files.map(({ name }) => name));
  expect(files.find(({ name }) => name === 'cli.ts')?.imports).toEqual(
    expect.arrayContaining(['errors.ts', 'commands/boot.ts', '@commander-js/extra-typings']),
  );
  expect(offending((_, imported) => isOurs(imported) && !names.has(imported))).toEqual([]);
});

test('every folder and file of src/ belongs to a part', () => {
  const unplaced = files
    .map(({ name }) => layerOf(name))
    .filter((layer) => !LAYERS.includes(layer));
  expect([...new Set(unplaced)]).toEqual([API]);
});

test('imports go down the table of parts, never up', () => {
  const isUp = (file: SourceFile, imported: string): boolean =>
    file.name !== API &&
    isOurs(imported) &&
    LAYERS.indexOf(layerOf(imported)) < LAYERS.indexOf(layerOf(file.name));
  expect(offending(isUp)).toEqual([]);
});

test('a command is a definition that imports its work when it is called', () => {
  const commands = files.filter(({ name }) => layerOf(name) === 'commands');
  expect(commands.length).toBeGreaterThan(10);
  const work = ['show', 'setup', 'run', 'machine'];
  for (const { text, imports } of commands) {
    expect(imports.filter((path) => work.includes(layerOf(path)))).toHaveLength(1);
    const atOnce = [...text.matchAll(/^import (?!type\b).*from '\.\.\/(.*)'/gm)];
    expect(atOnce.map(([, path]) => path)).toEqual(
      expect.not.arrayContaining([expect.stringMatching(/^(?!cli\/)/)]),
    );
  }
});

test('the API for cuts consists of cut/ and conf/, and nothing in src/ imports it', () => {
  const { imports = [] } = files.find(({ name }) => name === API) ?? {};
  expect(new Set(imports.map(layerOf))).toEqual(new Set(['cut', 'conf']));
  expect(offending((_, imported) => imported === API || imported === 'rapido')).toEqual([]);
});

test('no imports form a circle, not even type imports', () => {
  const graph = new Map(files.map(({ name, imports }) => [name, imports.filter(isOurs)]));
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (name: string, path: readonly string[]): void => {
    if (path.includes(name)) circles.push([...path.slice(path.indexOf(name)), name].join(' -> '));
    if (done.has(name) || path.includes(name)) return;
    for (const next of graph.get(name) ?? []) visit(next, [...path, name]);
    done.add(name);
  };
  for (const name of graph.keys()) visit(name, []);
  expect(circles).toEqual([]);
});

test('only sys/ starts processes', () => {
  const start =
    /^import (?!type\b)[^;]*from 'node:(child_process|cluster|worker_threads)'|'execa'/m;
  const starters = files.filter(({ text }) => start.test(text)).map(({ name }) => name);
  expect(starters.length).toBeGreaterThan(0);
  expect(starters.filter((name) => layerOf(name) !== 'sys')).toEqual([]);
});

test('only ui/ writes to the terminal', () => {
  const writers = files
    .filter(({ text }) =>
      /\bprocess\.std(out|err)\.(write|end)\b|\bpipe\(process\.std|\bconsole\.(log|error|warn|info|debug)\(/.test(
        text,
      ),
    )
    .map(({ name }) => name)
    .filter((name) => layerOf(name) !== 'ui');
  expect(writers).toEqual([]);
});

test('only the signal handler ends the process: commands return their exit status', () => {
  const enders = files.filter(({ text }) =>
    /\bprocess\.(exit|abort)\(|\bprocess\.exitCode\b/.test(text),
  );
  expect(enders.map(({ name }) => name)).toEqual(['sys/signals.ts']);
});

test('every mkdir names a mode, because the umask of the caller may be 000', () => {
  const calls = files.flatMap(({ name, text }) =>
    [...text.matchAll(/\bmkdir(?:Sync)?\((?!')[^;]*;/g)].map(([call]) => `${name}: ${call}`),
  );
  expect(calls.length).toBeGreaterThan(0);
  expect(calls.filter((call) => !/\bmode(: 0o\d+)? \}/.test(call))).toEqual([]);
});

test('neither the start of rapido nor a cut loads zod', () => {
  const sources = new Map(files.map((file) => [file.name, file]));
  const zod = ['zod/mini', 'sys/json.ts'];
  /** The modules that are loaded with a file: all that it imports at the top, but types. */
  const loadedBy = (name: string, seen = new Set<string>()): Set<string> => {
    if (seen.has(name)) return seen;
    seen.add(name);
    const { text = '' } = sources.get(name) ?? {};
    const paths = [...text.matchAll(/^(?:import|export) (?!type\b)[^;'"]*?\bfrom '([^']+)'/gm)];
    for (const [, path = ''] of paths)
      loadedBy(
        path.startsWith('.') ? relative(SRC, resolve(SRC, dirname(name), path)) : path,
        seen,
      );
    return seen;
  };
  expect(zod.filter((path) => loadedBy('run/run.ts').has(path))).toEqual(zod);
  for (const name of ['cli.ts', 'machine/cut.ts'])
    expect(zod.filter((path) => loadedBy(name).has(path))).toEqual([]);
});
