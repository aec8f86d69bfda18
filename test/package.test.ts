import { existsSync, mkdtempSync, readFileSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { installPackage } from './support/installed-package.ts';
import { CHECKOUT, run } from './support/workspace.ts';

const directory = realpathSync(mkdtempSync(join(tmpdir(), 'rapido package-')));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

let program: string;
beforeAll(async () => {
  program = await installPackage(directory);
}, 120_000);

const rapido = (...args: string[]) =>
  run([program, ...args], {
    cwd: directory,
    env: { PATH: process.env.PATH ?? '', HOME: directory, TERM: 'dumb' },
  });

describe('the package, installed without a network, far from the checkout', () => {
  const { version, bundleDependencies, dependencies } = JSON.parse(
    readFileSync(join(CHECKOUT, 'package.json'), 'utf8'),
  );

  test('runs', async () => {
    expect(await rapido('--version')).toMatchObject({ status: 0, stdout: `${version}\n` });
    const { status, stdout } = await rapido('list');
    expect({ status, hasExample: /^simple-example +/m.test(stdout) }).toEqual({
      status: 0,
      hasExample: true,
    });
  });

  test("loads a user's cut that imports 'rapido', with types from the package", async () => {
    expect(await rapido('init-cuts')).toMatchObject({ status: 0 });
    const { status, stdout } = await rapido('list', '--json');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toContainEqual(expect.objectContaining({ name: 'my-test' }));
    const config = JSON.parse(
      readFileSync(join(directory, '.config/rapido/cuts/tsconfig.json'), 'utf8'),
    );
    const [types] = config.compilerOptions.paths.rapido;
    expect(types.startsWith(join(directory, 'prefix/'))).toBe(true);
    expect(existsSync(types)).toBe(true);
  });

  test('cuts an image', { timeout: 120_000 }, async () => {
    const { status, stdout, stderr } = await rapido('cut', 'simple-example');
    expect({ status, stderr }).toMatchObject({ status: 0 });
    expect(stdout).toContain('.cache/rapido/images/simple-example.img: ');
  });

  test('has the completion scripts, the man page, and the licences of what it bundles', async () => {
    const { stdout } = await rapido('completion', 'bash');
    expect(stdout).toContain('complete -F _rapido rapido');
    expect(existsSync(join(directory, 'prefix/share/man/man1/rapido.1'))).toBe(true);
    const root = dirname(dirname(realpathSync(program)));
    const licences = readFileSync(join(root, 'dist/THIRD-PARTY-LICENCES.txt'), 'utf8');
    for (const name of ['commander', 'execa', 'zod', 'ini', 'chalk'])
      expect(licences).toMatch(new RegExp(`^${name} \\d`, 'm'));
  });

  test('bundles its dependencies, and says nothing of the checkout', async () => {
    expect(bundleDependencies).toEqual(Object.keys(dependencies));
    const root = dirname(dirname(realpathSync(program)));
    const { status, stdout } = await run(['grep', '-rlF', CHECKOUT, root], {});
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  });

  test('hints name no file that it lacks', async () => {
    const cli = join(dirname(dirname(realpathSync(program))), 'dist/cli.js');
    renameSync(cli, `${cli}.away`);
    const { status, stderr } = await rapido('list');
    renameSync(`${cli}.away`, cli);
    expect(status).toBe(70);
    expect(stderr).toMatch(/^rapido: error: \/.* is not built\n {2}hint: install it again\n$/);
  });
});
