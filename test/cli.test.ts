import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { main } from '../src/cli.ts';
import { makeTemporaryDirectory, writeFiles } from './support/temporary-directory.ts';
import { CHECKOUT, RAPIDO, run } from './support/workspace.ts';

let directory: string;
let conf: string;

beforeEach(() => {
  directory = makeTemporaryDirectory();
  writeFiles(directory, { 'rapido.conf': '' });
  conf = join(directory, 'rapido.conf');
  vi.stubEnv('HOME', directory);
  for (const name of ['CACHE', 'CONFIG', 'STATE']) vi.stubEnv(`XDG_${name}_HOME`, '');
  for (const key of ['RAPIDO_CONF', 'CUT_DIR', 'KERNEL_SRC']) vi.stubEnv(key, undefined);
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

/** Runs a command line. @returns its exit status and all it wrote */
async function rapido(...argv: string[]) {
  const written = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    vi.spyOn(process[name], 'write').mockImplementation((chunk) => {
      written[name] += String(chunk);
      return true;
    });
  }
  const status = await main(argv);
  vi.restoreAllMocks();
  return { status, ...written };
}

test('--version', async () => {
  // The number is put in by the build.
  expect(await rapido('--version')).toEqual({ status: 0, stdout: 'development\n', stderr: '' });
  expect(await rapido('-V')).toMatchObject({ status: 0 });
});

describe('--help', () => {
  test('lists every command, on stdout', async () => {
    const { status, stdout, stderr } = await rapido('--help');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    for (const command of ['cut ', 'boot|vm ', 'list ', 'conf ', 'doctor ', 'Examples:']) {
      expect(stdout).toContain(command);
    }
  });

  test.each(['cut', 'boot', 'list', 'conf', 'doctor'])('of %s shows examples', async (command) => {
    const { status, stdout } = await rapido(command, '--help');
    expect(status).toBe(0);
    expect(stdout).toMatch(
      new RegExp(`Usage: rapido ${command}[^]*Examples:\n {2}rapido ${command}`),
    );
  });

  test('is printed for an empty command line, with the status of a mistake', async () => {
    const { status, stdout, stderr } = await rapido();
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain('Usage: rapido');
  });
});

describe('a usage error is reported on stderr, with status 2', () => {
  const MISTAKES: Record<string, string[]> = {
    'an unknown command': ['cutt', 'simple-example'],
    'the help of an unknown command': ['help', 'cutt'],
    'an unknown option': ['list', '--jsn'],
    'a missing argument': ['cut'],
    'an argument too many': ['list', 'simple-example'],
    'an option without its value': ['cut', 'simple-example', '--output'],
    '-- for a command without arguments after it': ['list', '--', '-s'],
    'an empty command': ['cut', 'simple-example', '-x', ' '],
    'a disk that does not exist': ['cut', 'simple-example', '-b', '--disk', '/nowhere.img'],
    'an option of a VM, but no VM is booted': ['cut', 'simple-example', '--cpus', '4'],
    'QEMU arguments, but no VM is booted': ['cut', 'simple-example', '--', '-s'],
    'a wrong option of a VM': ['cut', 'simple-example', '-b', '--memory', 'much'],
    'an unknown cut': ['cut', 'simple-exampel'],
    'a cut directory that does not exist': ['--cut-dir', '/nowhere', 'list'],
    'a conf file that does not exist': ['--conf', '/nowhere/rapido.conf', 'list'],
    'an unknown conf key': ['conf', 'KERNEL_SRK'],
  };

  test.each(Object.keys(MISTAKES))('%s', async (name) => {
    const argv = MISTAKES[name] ?? [];
    const { status, stdout } = await rapido('--conf', conf, ...argv);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });

  test('prints these messages', async () => {
    let table = '';
    for (const [name, argv] of Object.entries(MISTAKES)) {
      const { stderr } = await rapido('--conf', conf, ...argv);
      table += `${name}: rapido ${argv.join(' ')}\n${stderr.replaceAll(/^/gm, '    ').trimEnd()}\n`;
    }
    expect(table).toMatchInlineSnapshot(`
      "an unknown command: rapido cutt simple-example
          rapido: error: unknown command 'cutt'
          (Did you mean cut?)
            hint: \`rapido --help\` lists the commands
      the help of an unknown command: rapido help cutt
          rapido: error: unknown command 'cutt'
          (Did you mean cut?)
            hint: \`rapido --help\` lists the commands
      an unknown option: rapido list --jsn
          rapido: error: unknown option '--jsn'
          (Did you mean --json?)
            hint: \`rapido list --help\` shows examples
      a missing argument: rapido cut
          rapido: error: missing required argument 'name'
            hint: \`rapido cut --help\` shows examples
      an argument too many: rapido list simple-example
          rapido: error: too many arguments for 'list'. Expected 0 arguments but got 1.
            hint: \`rapido list --help\` shows examples
      an option without its value: rapido cut simple-example --output
          rapido: error: option '-o, --output <file>' argument missing
            hint: \`rapido cut --help\` shows examples
      -- for a command without arguments after it: rapido list -- -s
          rapido: error: rapido list: arguments after \`--\` are not supported
            hint: \`rapido boot -- …\` passes arguments to QEMU
      an empty command: rapido cut simple-example -x  
          rapido: error: -x: the command is empty
            hint: -x 'uname -a'
      a disk that does not exist: rapido cut simple-example -b --disk /nowhere.img
          rapido: error: these disks cannot be used
            - --disk: /nowhere.img: it does not exist
      an option of a VM, but no VM is booted: rapido cut simple-example --cpus 4
          rapido: error: rapido cut: --cpus requires -b, because it applies to a VM
            hint: add -b, or give it to \`rapido boot\`
      QEMU arguments, but no VM is booted: rapido cut simple-example -- -s
          rapido: error: rapido cut: \`--\` requires -b, because it applies to a VM
            hint: add -b, or give it to \`rapido boot\`
      a wrong option of a VM: rapido cut simple-example -b --memory much
          rapido: error: --memory: "much" is not a valid size
            hint: use a number with a unit, at least 16M: --memory 2G
      an unknown cut: rapido cut simple-exampel
          rapido: error: there is no cut called simple-exampel
            hint: did you mean simple-example? \`rapido list\` shows all
      a cut directory that does not exist: rapido --cut-dir /nowhere list
          rapido: error: --cut-dir: /nowhere is not a directory
      a conf file that does not exist: rapido --conf /nowhere/rapido.conf list
          rapido: error: conf file /nowhere/rapido.conf, named by --conf, does not exist
            hint: name a readable file, or omit --conf
      an unknown conf key: rapido conf KERNEL_SRK
          rapido: error: unknown conf key KERNEL_SRK
            - KERNEL_SRK: did you mean KERNEL_SRC?
            hint: \`rapido conf\` shows all keys
      "
    `);
  });
});

test('rejects a conf file with a mistake before doing anything', async () => {
  writeFiles(directory, { 'rapido.conf': 'KERNEL_SRK="/linux"\n' });
  const { status, stdout, stderr } = await rapido('--conf', conf, 'cut', 'simple-example');
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toContain('KERNEL_SRC');
});

test('list: prints every cut on a line, or as JSON', async () => {
  writeFiles(directory, { 'own/mine.ts': "export default { summary: 'My own' };\n" });
  const options = ['--conf', conf, '--cut-dir', join(directory, 'own'), 'list'];
  const lines = await rapido(...options);
  expect(lines).toMatchObject({ status: 0, stderr: '' });
  const line = lines.stdout.split('\n').find((text) => text.startsWith('mine '));
  expect(line).toMatch(/^mine +My own {2}\(/);
  expect(line).toContain(`(${join(directory, 'own/mine.ts')})`);
  const { stdout } = await rapido(...options, '--json');
  expect(JSON.parse(stdout)).toContainEqual({
    name: 'mine',
    summary: 'My own',
    path: join(directory, 'own/mine.ts'),
    origin: '--cut-dir',
    shadows: [],
  });
});

test('conf: prints a value, or all of them as JSON', async () => {
  writeFiles(directory, { 'rapido.conf': 'KERNEL_SRC="/linux"\n' });
  const line = await rapido('--conf', conf, 'conf', 'KERNEL_SRC');
  expect(line).toMatchObject({ status: 0, stdout: `KERNEL_SRC = /linux  (${conf}:1)\n` });
  const { stdout } = await rapido('--conf', conf, 'conf', 'KERNEL_SRC', '--json');
  expect(JSON.parse(stdout).keys).toEqual({
    KERNEL_SRC: { value: '/linux', origin: { from: 'file', file: conf, line: 1 } },
  });
});

test('the installed program behaves the same, and has the version of package.json', async () => {
  const { version } = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8'));
  const { status, stdout } = await run([process.execPath, RAPIDO, '--version'], {});
  expect({ status, stdout }).toEqual({ status: 0, stdout: `${version}\n` });
});
