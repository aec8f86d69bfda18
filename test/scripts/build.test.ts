import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

/** A project like this one in small: a lazy command, a CommonJS package, a cut and its shared code. */
const SOURCES = {
  'package.json': JSON.stringify({ version: '1.2.3', type: 'module' }),
  'src/index.ts': 'export class Shared {}\n',
  'src/commands/cut.ts': `
    import { Shared } from '../index.ts';
    export async function run(name: string) {
      const dist = import.meta.url.replace(/dist\\/.*/, 'dist/');
      const cut = await import(\`\${dist}cuts/\${name}.js\`);
      return cut.Shared === Shared;
    }`,
  'src/cli.ts': `
    import { Command } from 'commander';
    declare const __RAPIDO_VERSION__: string;
    const program = new Command().version(__RAPIDO_VERSION__);
    program.command('cut <name>').action(async (name: string) => {
      const { run } = await import('./commands/cut.ts');
      console.log(await run(name) ? 'one rapido' : 'two rapidos');
    });
    await program.parseAsync();`,
  'cuts/simple.ts': "import './_common.ts';\nexport { Shared } from 'rapido';\n",
  'cuts/_common.ts': 'export const common: number = 1;\n',
};

let checkout: string;
beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), 'rapido build-'));
  onTestFinished(() => rmSync(checkout, { recursive: true }));
  for (const [file, text] of Object.entries(SOURCES)) write(file, text);
  mkdirSync(join(checkout, 'scripts'));
  for (const name of ['build', 'browser-bundle', 'third-party-licences']) {
    const script = `scripts/${name}.mjs`;
    copyFileSync(join(PROJECT, script), join(checkout, script));
  }
  symlinkSync(join(PROJECT, 'node_modules'), join(checkout, 'node_modules'));
});

function write(file: string, text: string): void {
  mkdirSync(dirname(join(checkout, file)), { recursive: true });
  writeFileSync(join(checkout, file), text);
}

const build = () => execa('node', ['scripts/build.mjs'], { cwd: checkout, reject: false });
const rapido = async (...args: string[]) =>
  (await execa('node', ['dist/cli.js', ...args], { cwd: checkout })).stdout;
const list = (directory: string) => readdirSync(join(checkout, directory)).sort();

describe('scripts/build.mjs', () => {
  it('makes a rapido that runs without node_modules', async () => {
    expect(await build()).toMatchObject({ exitCode: 0, stdout: '', stderr: '' });
    rmSync(join(checkout, 'node_modules'));
    expect(await rapido('--version')).toBe('1.2.3');
  });

  it('gives cuts the same `rapido` as the command that loads them', async () => {
    await build();
    expect(await rapido('cut', 'simple')).toBe('one rapido');
  });

  it('keeps lazily imported commands out of the start', async () => {
    await build();
    expect(list('dist/chunks').some((name) => /^cut-\w+\.js$/.test(name))).toBe(true);
    expect(readFileSync(join(checkout, 'dist/cli.js'), 'utf8')).not.toContain('cuts/');
  });

  it('ignores files whose name begins with _, and removes cuts whose source is gone', async () => {
    write('cuts/old.ts', 'export default 1;\n');
    await build();
    expect(list('dist/cuts')).toEqual(['old.js', 'old.js.map', 'simple.js', 'simple.js.map']);
    rmSync(join(checkout, 'cuts/old.ts'));
    await build();
    expect(list('dist/cuts')).toEqual(['simple.js', 'simple.js.map']);
  });

  it('collects the licence texts of exactly the packages that it bundles', async () => {
    await build();
    const licences = readFileSync(join(checkout, 'dist/THIRD-PARTY-LICENCES.txt'), 'utf8');
    const { version } = JSON.parse(
      readFileSync(join(PROJECT, 'node_modules/commander/package.json'), 'utf8'),
    );
    const text = readFileSync(join(PROJECT, 'node_modules/commander/LICENSE'), 'utf8').trim();
    expect(licences).toBe(`commander ${version} (MIT)\n\n${text}\n`);
  });

  it('keeps the previous build if it fails, and prints the place of the error', async () => {
    await build();
    write('src/commands/cut.ts', 'export const run = ;\n');
    const failed = await build();
    expect(failed.exitCode).toBe(1);
    expect(failed.stderr).toContain('src/commands/cut.ts:1:19');
    expect(await rapido('cut', 'simple')).toBe('one rapido');
  });

  it('dates dist/cli.js from the start of the build, so that a source saved meanwhile is newer', async () => {
    const before = Date.now();
    await build();
    const stamp = statSync(join(checkout, 'dist/cli.js')).mtimeMs;
    expect(stamp).toBeGreaterThanOrEqual(before);
    expect(stamp).toBeLessThan(statSync(join(checkout, 'dist')).mtimeMs);
  });

  it('keeps the chunks that a running rapido may still import, and removes old ones', async () => {
    const chunks = () => list('dist/chunks').filter((name) => /^cut-\w+\.js$/.test(name));
    const rebuild = async (text: string) => {
      write('src/commands/cut.ts', `${SOURCES['src/commands/cut.ts']}\nexport const it = ${text};`);
      await build();
    };
    const setAge = (days: number) => {
      const then = new Date(Date.now() - days * 24 * 60 * 60 * 1000);
      utimesSync(join(checkout, 'dist/cli.js'), then, then);
      for (const name of list('dist/chunks'))
        utimesSync(join(checkout, 'dist/chunks', name), then, then);
    };
    await rebuild('1');
    setAge(3);
    await rebuild('2');
    expect(chunks()).toHaveLength(2);
    await rebuild('3');
    expect(chunks()).toHaveLength(2);
  });

  it('can run twice at once', async () => {
    await Promise.all([build(), build(), build()]);
    expect(await rapido('cut', 'simple')).toBe('one rapido');
    const left = [...list('dist'), ...list('dist/chunks'), ...list('dist/cuts')];
    expect(left.filter((name) => name.startsWith('.'))).toEqual([]);
  });
});
