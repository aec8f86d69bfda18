import { chmodSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Cut, defineCut } from '../../src/index.ts';
import { CHECKOUT, createWorkspace, run, type Workspace } from '../support/workspace.ts';

let home: Workspace;
let cuts: string;
beforeEach(() => {
  home = createWorkspace();
  cuts = join(home.directory, '.config/rapido/cuts');
});

describe('rapido init-cuts', () => {
  test('writes a cut that rapido finds', async () => {
    expect(await home.rapido(['init-cuts'])).toMatchObject({
      status: 0,
      stdout: ['tsconfig.json', 'my-test.ts', 'my-test.sh']
        .map((name) => `${join(cuts, name)}\n`)
        .join(''),
      stderr: 'next: `rapido cut my-test -b`\n',
    });
    const { status, stdout } = await home.rapido(['list', '--json']);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toContainEqual({
      name: 'my-test',
      summary: 'my first test',
      path: join(cuts, 'my-test.ts'),
      origin: 'user',
      shadows: [],
    });
    expect(statSync(join(cuts, 'my-test.sh')).mode & 0o777).toBe(0o755);
  });

  test('an editor checks the cuts, with the types of this rapido', {
    timeout: 120_000,
  }, async () => {
    await home.rapido(['init-cuts']);
    const first = readFileSync(join(cuts, 'my-test.ts'), 'utf8');
    expect(first).toContain(join(CHECKOUT, 'docs/writing-cuts.md'));
    home.write('.config/rapido/cuts/wrong.ts', first.replace('binaries', 'binarys'));
    const tsc = join(CHECKOUT, 'node_modules/.bin/tsc');
    const { stdout } = await run([tsc, '-p', cuts], { cwd: cuts });
    expect(stdout.trimEnd().split('\n')).toEqual([
      expect.stringMatching(/^wrong\.ts.*'binarys' does not exist in type 'Cut'/),
    ]);
  });

  test('in another directory, the hint names it', async () => {
    const { status, stderr } = await home.rapido(['init-cuts', 'my cuts']);
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: `next: \`rapido --cut-dir '${home.directory}/my cuts' cut my-test -b\`\n`,
    });
  });

  test('where there are cuts already, it writes only the tsconfig.json', async () => {
    const cut: Cut = defineCut({ summary: 'mine' });
    home.write('cuts/mine.js', `export default ${JSON.stringify(cut)};\n`);
    expect(await home.rapido(['init-cuts', 'cuts'])).toEqual({
      status: 0,
      signal: null,
      stdout: `${home.directory}/cuts/tsconfig.json\n`,
      stderr: '',
    });
  });

  test('overwrites nothing, and then writes nothing', async () => {
    const script = home.write('cuts/my-test.sh', 'mine\n');
    expect(await home.rapido(['init-cuts', 'cuts'])).toMatchObject({
      status: 2,
      stdout: '',
      stderr: `rapido: error: existing files are not overwritten
  - ${script}
  hint: name another directory, or remove them
`,
    });
    expect(readFileSync(script, 'utf8')).toBe('mine\n');
    expect((await run(['ls', '-A', join(home.directory, 'cuts')], {})).stdout).toBe('my-test.sh\n');
  });

  test('a directory that others can write is rejected: no cut in it would be trusted', async () => {
    home.write('cuts/notes.txt', '');
    chmodSync(join(home.directory, 'cuts'), 0o777);
    const { status, stderr } = await home.rapido(['init-cuts', 'cuts']);
    expect(status).toBe(2);
    expect(stderr).toContain(`${home.directory}/cuts is writable by everyone\n  hint: `);
  });

  test('what it writes is trusted even with umask 000', async () => {
    const prefix = ['bash', '-c', 'umask 000; "$@"', 'bash'];
    expect(await home.rapido(['init-cuts'], { prefix })).toMatchObject({ status: 0 });
    expect(await home.rapido(['list'])).toMatchObject({ status: 0, stderr: '' });
  });
});
