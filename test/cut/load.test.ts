import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  type CutFile,
  type CutOrigin,
  cutDirectories,
  findCutFile,
  findCuts,
  loadCut,
  pickCut,
} from '../../src/cut/load.ts';
import type { Directories } from '../../src/host/directories.ts';
import { trustOf } from '../../src/sys/trust.ts';
import { complaintOf } from '../support/complaint.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';
import { CHECKOUT } from '../support/workspace.ts';

let root: string;
let directories: Directories;

beforeEach(() => {
  root = makeTemporaryDirectory();
  directories = {
    root: CHECKOUT,
    cache: join(root, 'cache'),
    config: join(root, 'config'),
    state: join(root, 'state'),
  };
});

const CUT = "import { defineCut } from 'rapido';\nexport default defineCut({ summary: 'Mine' });\n";

/** All cuts, found as rapido finds them. */
function find(cutDirOptions: readonly string[] = [], confCutDir?: string): CutFile[] {
  return findCuts(
    cutDirectories(
      directories,
      cutDirOptions.map((directory) => join(root, directory)),
      confCutDir === undefined ? undefined : join(root, confCutDir),
    ),
    trustOf({ HOME: root }),
  );
}

const refused = (action: () => unknown): Promise<string> =>
  complaintOf(action, { ROOT: root, RAPIDO: CHECKOUT });

describe('finding', () => {
  test('nearest first: --cut-dir, CUT_DIR, the XDG directory, built-in', () => {
    expect(
      cutDirectories({ ...directories, root: '/r', config: '/c' }, ['/a', '/b'], '/d'),
    ).toEqual([
      { kind: '--cut-dir', directory: '/a' },
      { kind: '--cut-dir', directory: '/b' },
      { kind: 'CUT_DIR', directory: '/d' },
      { kind: 'user', directory: '/c/cuts' },
      { kind: 'built-in', directory: '/r/dist/cuts' },
    ]);
  });

  test('the nearest cut of a name is used, and knows which ones it hides', () => {
    writeFiles(root, {
      'option/simple-example.ts': CUT,
      'conf/simple-example.js': CUT,
      'conf/mine.ts': CUT,
      'config/cuts/simple_example.ts': CUT,
      'config/cuts/mine.ts': CUT,
    });
    const cuts = find(['option'], 'conf');
    const described = cuts
      .filter(({ name }) => ['simple-example', 'mine'].includes(name))
      .map(({ name, path, origin, shadows }) => [
        name,
        path.replace(root, 'ROOT'),
        origin.kind,
        shadows.map(({ kind }) => kind),
      ]);
    expect(described).toEqual([
      ['mine', 'ROOT/conf/mine.ts', 'CUT_DIR', ['user']],
      [
        'simple-example',
        'ROOT/option/simple-example.ts',
        '--cut-dir',
        ['CUT_DIR', 'user', 'built-in'],
      ],
    ]);
  });

  test('finds only files that can be cuts, sorted by name', () => {
    const files = ['b.ts', 'a.js', 'c.mjs', 'd.mts', 'e.cjs', 'fs_xfs.ts', 'g.v2.ts'];
    const others = [
      '_template.ts',
      '.hidden.ts',
      'x.d.ts',
      'x.test.ts',
      'x.json',
      'x.ts~',
      'README',
    ];
    writeFiles(root, Object.fromEntries([...files, ...others].map((name) => [`own/${name}`, CUT])));
    const own = find(['own']).filter(({ origin }) => origin.kind === '--cut-dir');
    expect(own.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd', 'e', 'fs-xfs', 'g.v2']);
  });

  test('a directory that was named must exist; the XDG one need not', async () => {
    writeFiles(root, { file: '' });
    expect(await refused(() => find(['nowhere']))).toMatchInlineSnapshot(
      `"rapido: error: --cut-dir: ROOT/nowhere is not a directory"`,
    );
    expect(await refused(() => find([], 'file'))).toMatchInlineSnapshot(
      `"rapido: error: CUT_DIR: ROOT/file is not a directory"`,
    );
    expect(find().every(({ origin }) => origin.kind === 'built-in')).toBe(true);
  });
});

describe('picking by name', () => {
  const origin: CutOrigin = { kind: 'built-in', directory: '/cuts' };
  const cuts = ['fstests-xfs', 'fstests-btrfs', 'simple-example', 'rbd', 'simple-network'].map(
    (name): CutFile => ({ name, path: `/cuts/${name}.js`, origin, shadows: [] }),
  );

  test('an unknown name that is a part of many others gets all of them as suggestions', async () => {
    const many = ['xfs', 'ext4', 'nfs', 'udf'].map(
      (name): CutFile => ({ name: `fstests-${name}`, path: '', origin, shadows: [] }),
    );
    expect(await refused(() => pickCut('fstest', many))).toContain(
      'did you mean one of fstests-xfs, fstests-nfs, fstests-udf, fstests-ext4?',
    );
  });

  test.each(['fstests-xfs', 'fstests_xfs', 'fstests-xfs.ts'])('%s is fstests-xfs', (name) => {
    expect(pickCut(name, cuts).name).toBe('fstests-xfs');
  });

  test.each([
    ['simple-exmaple', 'did you mean simple-example? `rapido list` shows all'],
    ['fstests', 'did you mean fstests-xfs or fstests-btrfs? `rapido list` shows all'],
    ['xfs', 'did you mean fstests-xfs? `rapido list` shows all'],
    ['rdb', 'did you mean rbd? `rapido list` shows all'],
    ['nfs', '`rapido list` shows all'],
    ['kselftest', '`rapido list` shows all'],
    ['', '`rapido list` shows all'],
  ])('%j is unknown: %s', async (name, hint) => {
    expect(await refused(() => pickCut(name, cuts))).toBe(
      `rapido: error: no such target: ${name}\n  hint: ${hint}`,
    );
  });
});

describe('loading', () => {
  async function load(file: string, content: string) {
    writeFiles(root, { [`own/${file}`]: content });
    const found = find(['own']).find(({ origin }) => origin.kind === '--cut-dir');
    if (found === undefined) throw new Error(`${file} was not found`);
    return loadCut(found, directories);
  }

  test.each(['mine.ts', 'mine.js', 'mine.mjs', 'mine.mts'])('%s with defineCut', async (file) => {
    expect(await load(file, CUT)).toMatchObject({ name: 'mine', cut: { summary: 'Mine' } });
  });

  test('strips types, and resolves code shared with another file', async () => {
    writeFiles(root, { 'own/_shared.ts': "export const binaries: string[] = ['ls'];\n" });
    const source = `
      import type { Cut } from 'rapido';
      import { binaries } from './_shared.ts';
      const cut: Cut = { summary: 'Typed' as string, binaries };
      export default cut satisfies Cut;`;
    expect((await load('mine.ts', source)).cut).toEqual({ summary: 'Typed', binaries: ['ls'] });
  });

  test('a CommonJS file may export its cut, too', async () => {
    expect((await load('mine.cjs', "module.exports = { summary: 'Old' };\n")).cut).toEqual({
      summary: 'Old',
    });
  });

  test('reads a changed file again', async () => {
    await load('mine.ts', CUT);
    expect((await load('mine.ts', CUT.replace('Mine', 'Ours'))).cut.summary).toBe('Ours');
  });

  test('uses the compiled form of a built-in cut', async () => {
    const loaded = await loadCut(pickCut('simple-example', find()), directories);
    expect(loaded.origin).toEqual({ kind: 'built-in', directory: join(CHECKOUT, 'dist/cuts') });
    expect(loaded.cut.autorun).toEqual(['simple-example.sh']);
  });

  test('rejects wrong fields', async () => {
    expect(
      await refused(() => load('mine.ts', CUT.replace("'Mine'", "'', drivers: 'xfs'"))),
    ).toMatchInlineSnapshot(`
      "rapido: error: ROOT/own/mine.ts: not a valid cut
        - summary: must not be empty
        - drivers: must be a list, not a string
        hint: RAPIDO/docs/writing-cuts.md lists the fields"
    `);
  });

  test('rejects a syntax error', async () => {
    expect(
      await refused(() => load('mine.ts', 'export default {\n  summary: \n};\n')),
    ).toMatchInlineSnapshot(`
      "rapido: error: ROOT/own/mine.ts: cannot be loaded
        - ParseError: Unexpected token
        - ROOT/own/mine.ts:3:0"
    `);
  });

  test('rejects a missing default export', async () => {
    expect(
      await refused(() => load('mine.ts', "export const cut = { summary: 'x' };\n")),
    ).toMatchInlineSnapshot(`
      "rapido: error: ROOT/own/mine.ts: exports no cut
        hint: export one: export default defineCut({ summary: …, binaries: […] })"
    `);
  });

  test('rejects an empty file', async () => {
    expect(await refused(() => load('mine.ts', ''))).toMatchInlineSnapshot(`
      "rapido: error: ROOT/own/mine.ts: exports no cut
        hint: export one: export default defineCut({ summary: …, binaries: […] })"
    `);
  });

  test('rejects a file that throws when it is imported', async () => {
    expect(
      await refused(() => load('mine.ts', "throw new Error('no such device');\n")),
    ).toMatchInlineSnapshot(`
      "rapido: error: ROOT/own/mine.ts: cannot be loaded
        - no such device"
    `);
    expect(await refused(() => load('mine.ts', "throw 'just text';\n"))).toContain('just text');
  });

  test('rejects an import of a missing module', async () => {
    expect(
      await refused(() => load('mine.ts', "import './gone.ts';\nexport default {};\n")),
    ).toMatchInlineSnapshot(`
      "rapido: error: ROOT/own/mine.ts: cannot be loaded
        - Cannot find module './gone.ts'"
    `);
  });
});

describe('autorun scripts', () => {
  const cutIn = (kind: CutOrigin['kind'], directory: string): CutFile => ({
    name: 'mine',
    path: join(root, directory, 'mine.ts'),
    origin: { kind, directory: join(root, directory) },
    shadows: [],
  });

  beforeEach(() => {
    directories = { ...directories, root: join(root, 'rapido') };
    writeFiles(root, { 'own/mine.ts': CUT, 'rapido/dist/cuts/mine.ts': CUT });
  });

  test("beside the cut, then in its autorun/, then in rapido's own", () => {
    const cut = cutIn('user', 'own');
    writeFiles(root, { 'rapido/autorun/a.sh': '' });
    expect(findCutFile('autorun', 'a.sh', cut, directories)).toBe(
      join(root, 'rapido/autorun/a.sh'),
    );
    writeFiles(root, { 'own/autorun/a.sh': '' });
    expect(findCutFile('autorun', 'a.sh', cut, directories)).toBe(join(root, 'own/autorun/a.sh'));
    writeFiles(root, { 'own/a.sh': '' });
    expect(findCutFile('autorun', 'a.sh', cut, directories)).toBe(join(root, 'own/a.sh'));
  });

  test('beside the target of a linked cut file', () => {
    writeFiles(root, { 'project/mine.ts': CUT, 'project/a.sh': '' });
    mkdirSync(join(root, 'linked'));
    symlinkSync('../project/mine.ts', join(root, 'linked/mine.ts'));
    expect(findCutFile('autorun', 'a.sh', cutIn('user', 'linked'), directories)).toBe(
      join(root, 'project/a.sh'),
    );
  });

  test("those of a built-in cut are in rapido's autorun/ only", async () => {
    writeFiles(root, { 'rapido/dist/cuts/a.sh': '' });
    const cut = cutIn('built-in', 'rapido/dist/cuts');
    expect(
      await refused(() => findCutFile('autorun', 'a.sh', cut, directories)),
    ).toMatchInlineSnapshot(
      `"rapido: error: ROOT/rapido/dist/cuts/mine.ts: autorun: a.sh not found in ROOT/rapido/autorun"`,
    );
  });

  test('a missing script is rejected with all directories that were searched', async () => {
    const cut = cutIn('user', 'own');
    expect(
      await refused(() => findCutFile('autorun', 'a.sh', cut, directories)),
    ).toMatchInlineSnapshot(
      `"rapido: error: ROOT/own/mine.ts: autorun: a.sh not found in ROOT/own, ROOT/own/autorun, ROOT/rapido/autorun"`,
    );
  });
});
