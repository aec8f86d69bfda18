import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CHECKOUT, createWorkspace, type Finished, type RunOptions } from '../support/workspace.ts';

/** What a user reads after `rapido run`, with the home directory shown as ~. */
async function rapidoRun(
  args: readonly string[],
  files: Readonly<Record<string, string>> = {},
  options: RunOptions = {},
): Promise<Pick<Finished, 'status' | 'stdout' | 'stderr'> & { left: string[] }> {
  const home = createWorkspace();
  for (const [name, content] of Object.entries(files)) home.write(name, content);
  const { status, stdout, stderr } = await home.rapido(['run', ...args], options);
  const left = readdirSync(home.directory, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.img$|result\.json$/.test(name),
  );
  return {
    status,
    stdout,
    stderr: stderr.replaceAll(home.directory, '~').replaceAll(CHECKOUT, 'RAPIDO'),
    left,
  };
}

/** Mistakes, each found before anything is done. */
const MISTAKES: Readonly<Record<string, readonly string[]>> = {
  'no target': [],
  'a target that does not exist': ['simple-exmaple'],
  'an option that does not exist': ['--no-such', 'simple-example'],
  'a command without `--`': ['simple-example', 'ls'],
  'two commands': ['-x', 'ls', 'simple-example', '--', 'ls'],
  'nothing after `--`': ['simple-example', '--'],
  'an invalid limit': ['--timeout', 'soon', 'simple-example', '--', 'true'],
  'a junit file in no directory': ['--junit', 'out/junit.xml', 'simple-example', '--', 'true'],
  'to go on after a crash without a suite': [
    '--resume-after-crash',
    'simple-example',
    '--',
    'true',
  ],
  'to resume with tests that repeat': ['--resume-after-crash', 'fstests-xfs', '--', '-i', '2'],
  'a missing program': ['simple-example', '--', 'no-such-program', '-v'],
  'a conf that does not exist': ['--conf', 'nowhere', 'simple-example', '--', 'true'],
};

describe('mistakes', () => {
  it('exit with 125, which is the status of no command', async () => {
    const told: string[] = [];
    for (const [name, args] of Object.entries(MISTAKES)) {
      const { status, stdout, stderr, left } = await rapidoRun(args);
      expect({ stdout, left }).toEqual({ stdout: '', left: [] });
      told.push(`${name}: ${status}\n${stderr}`);
    }
    expect(told.join('')).toMatchInlineSnapshot(`
      "no target: 125
      rapido: error: neither a target nor a command is given
        hint: \`rapido run -- uname -r\`, or \`rapido run simple-example\`; \`rapido list\` shows the targets
      a target that does not exist: 125
      rapido: error: no such target: simple-exmaple
        hint: did you mean simple-example? \`rapido list\` shows all
      an option that does not exist: 125
      rapido: error: unknown option '--no-such'
        hint: the command follows \`--\`; \`rapido run --help\` shows examples
      a command without \`--\`: 125
      rapido: error: too many arguments for 'run'. Expected 1 argument but got 2.
        hint: the command follows \`--\`; \`rapido run --help\` shows examples
      two commands: 125
      rapido: error: give only one of -x, -f and \`--\`
      nothing after \`--\`: 125
      rapido: error: no command given after \`--\`
        hint: rapido run NAME -- ls -l /dev
      an invalid limit: 125
      rapido: error: --timeout: "soon" is not a valid duration
        hint: use e.g. 90s, 10m, 2h (max 24d; default unit: seconds)
      a junit file in no directory: 125
      rapido: error: --junit: ~/out does not exist
      to go on after a crash without a suite: 125
      rapido: error: --resume-after-crash: simple-example cannot skip tests that are done
        hint: test suites can; for a cut of your own, see \`test.resumes\` in RAPIDO/docs/writing-cuts.md
      to resume with tests that repeat: 125
      rapido: error: --resume-after-crash does not work with check options that repeat tests (-i, -I, -L)
        hint: remove -i, -I and -L: the names of repeated tests do not show which ones are done
      a missing program: 125
      rapido: error: no-such-program not found on this host or in the image
        hint: use -x to run a shell command in the VM
      a conf that does not exist: 125
      rapido: error: conf file nowhere, named by --conf, does not exist
        hint: name a readable file, or omit --conf
      "
    `);
  });

  it('stop a bisection: they would be the same with every commit', async () => {
    const { status } = await rapidoRun(['--bisect', 'simple-exmaple', '--', 'true']);
    expect(status).toBe(128);
    const { status: unknown } = await rapidoRun(['--bisect', '--no-such', 'simple-example']);
    expect(unknown).toBe(128);
  });

  it('`--bisect` after `--` belongs to the command', async () => {
    const { status } = await rapidoRun(['simple-exmaple', '--', 'git', '--bisect']);
    expect(status).toBe(125);
  });

  it('the help is no mistake', async () => {
    const { status, stdout } = await rapidoRun(['--help']);
    expect(status).toBe(0);
    expect(stdout).toContain('--keep-going');
  });
});

describe('a kernel that does not build', () => {
  const files = {
    'linux/.config': 'CONFIG_MODULES=y\n',
    'rapido.conf': 'KERNEL_SRC="${HOME}/linux"\n',
  };

  it('shows the last lines of the build; the run keeps all of them', async () => {
    const home = createWorkspace();
    for (const [name, content] of Object.entries(files)) home.write(name, content);
    home.write('build', '#!/bin/sh\necho "fs/foo.c:1: error: expected ;" >&2\nexit 2\n', 0o755);
    const build = ['--build', join(home.directory, 'build').replaceAll(' ', '\\ ')];
    const args = ['run', '--results', 'runs', ...build, 'simple-example', '--', 'true'];
    const { status, stdout, stderr } = await home.rapido(args);
    expect({ status, stdout }).toEqual({ status: 125, stdout: '' });
    expect(stderr).toContain('fs/foo.c:1: error: expected ;');
    const shown = await home.rapido(['results', '--results', 'runs', '--json', 'latest']);
    expect(JSON.parse(shown.stdout)).toMatchObject({
      verdict: 'error',
      status: 125,
      reason: expect.stringContaining('kernel build failed'),
      command: { arguments: ['true'] },
    });
  });

  it('is skipped by a bisection: another commit may build', async () => {
    const args = ['--bisect', '--build', 'false', 'simple-example', '--', 'true'];
    expect((await rapidoRun(args, files)).status).toBe(125);
  });
});

it('--dry-run shows what would be cut, the servers first, and does nothing', async () => {
  // biome-ignore format: an option and its value share a line
  const { status, stdout, stderr, left } = await rapidoRun([
    '--with', 'simple-example:3', '--with', 'simple-systemd', 'simple-example',
    '--dry-run', '--', 'true',
  ]);
  expect({ status, stderr, left }).toEqual({ status: 0, stderr: '', left: [] });
  expect(stdout.match(/^# simple.*/gm)).toEqual([
    '# simple-example, a server, in VM 3:',
    '# simple-systemd, a server, in the next free VM:',
    '# simple-example, once they are ready:',
  ]);
  expect(stdout.match(/^\/\S*dracut .*/gm)).toHaveLength(3);
  expect(stdout).toMatch(/^# the command: true$/m);
});
