import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { identifyProcess, type ProcessIdentity } from '../../src/sys/process-identity.ts';
import { createWorkspace, RAPIDO, run, type Workspace } from '../support/workspace.ts';

const NOBODY = 65534;
const isRoot = process.getuid?.() === 0;

let home: Workspace;
beforeEach(() => {
  home = createWorkspace();
});

/** A cut that leaves a mark on the host when it is loaded. */
const MARKING = `import { writeFileSync } from 'node:fs';
writeFileSync(process.env.MARK ?? '/dev/null', '');
export default { summary: 'Marks' };
`;

const mark = (): string => join(home.directory, 'mark');

/** A conf that makes every command that loads cuts load this one. */
function writeMarking(conf = 'CUT_DIR=cuts\nOWN_KEY=1\nTAP_USER=nobody\n'): void {
  home.write('project/cuts/mine.ts', MARKING);
  home.write('project/rapido.conf', conf);
}

/** Gives a file of the workspace to another user. */
function give(name: string): void {
  chownSync(join(home.directory, name), NOBODY, NOBODY);
}

const rapido = (args: readonly string[], env: Record<string, string> = {}) =>
  home.rapido(args, { cwd: join(home.directory, 'project'), env: { MARK: mark(), ...env } });

const shown = (text: string): string => text.replaceAll(home.directory, 'HOME');

/** Commands that need no cut, and all that root is asked for. */
const WITHOUT_CUTS: readonly (readonly string[])[] = [
  ['ps'],
  ['stop', '--all'],
  ['exec', '1', '--', 'true'],
  ['console', '1'],
  ['setup-network', '--dry-run'],
  ['teardown-network', '--dry-run'],
  ['setup-ramdisk', '--dry-run'],
  ['teardown-ramdisk', '--dry-run'],
];

const WITH_CUTS: readonly (readonly string[])[] = [
  ['list'],
  ['conf'],
  ['doctor'],
  ['cut', 'simple-example', '--dry-run'],
  ['run', 'simple-example', '--dry-run', '--', 'true'],
  ['boot'],
];

test.each(WITHOUT_CUTS.map((args) => [args.join(' '), args] as const))(
  '%s: loads no cut, and warns of a key that it does not know',
  async (_, args) => {
    writeMarking();
    const { stderr } = await rapido(args);
    expect(existsSync(mark())).toBe(false);
    expect(stderr).toContain(
      'warning: rapido.conf:2: unknown conf key OWN_KEY. It may be a key of a cut; this command does not load cuts',
    );
  },
);

test('a missing cut directory does not affect a command that loads no cuts', async () => {
  home.write('project/rapido.conf', 'CUT_DIR=nowhere\n');
  expect((await rapido(['ps'])).status).toBe(0);
  expect((await rapido(['list'])).stderr).toContain('nowhere is not a directory');
});

describe.runIf(isRoot)('files of other users', () => {
  test.each([...WITHOUT_CUTS, ...WITH_CUTS].map((args) => [args.join(' '), args] as const))(
    '%s: refuses their conf by name, and runs nothing',
    async (_, args) => {
      writeMarking();
      give('project/rapido.conf');
      const { status, stderr } = await rapido(args);
      expect(existsSync(mark())).toBe(false);
      expect(stderr).toContain('conf file rapido.conf is not trusted:');
      expect(stderr).toContain('project/rapido.conf belongs to user nobody (65534)');
      expect(status).toBe(args[0] === 'run' || args[0] === 'exec' ? 125 : 2);
    },
  );

  test.each([
    ['the directory', 'project/cuts'],
    ['a cut in it', 'project/cuts/mine.ts'],
    ['a file that cuts may import', 'project/cuts/_shared.js'],
  ])('%s: is rejected, with a hint that fixes it', async (_, name) => {
    writeMarking('CUT_DIR=cuts\n');
    home.write('project/cuts/_shared.js', '');
    give(name);
    const refused = await rapido(['list']);
    expect(refused.status).toBe(2);
    expect(existsSync(mark())).toBe(false);
    expect(shown(refused.stderr)).toBe(
      `rapido: error: CUT_DIR: HOME/project/cuts is not trusted: HOME/${name} belongs to user nobody (65534)\n` +
        "  hint: if you trust everyone who can write there: export 'RAPIDO_TRUST=HOME/project/cuts'\n",
    );
    const allowed = await rapido(['list'], {
      RAPIDO_TRUST: join(home.directory, 'project/cuts'),
    });
    expect(allowed.status).toBe(0);
    expect(existsSync(mark())).toBe(true);
  });

  test("under sudo, a command for root reads that user's conf and does not run their cuts", async () => {
    writeMarking('CUT_DIR=cuts\nOWN_KEY=1\nIMAGE_DIR=/srv/of-the-conf\n');
    for (const name of ['project/rapido.conf', 'project/cuts', 'project/cuts/mine.ts']) give(name);
    chmodSync(home.directory, 0o755);
    const sudo = { SUDO_UID: String(NOBODY), SUDO_GID: String(NOBODY) };
    const { status, stdout } = await rapido(['setup-ramdisk', '--dry-run'], sudo);
    expect(status).toBe(0);
    expect(stdout).toContain('/srv/of-the-conf');
    expect(existsSync(mark())).toBe(false);
  });
});

describe.runIf(isRoot)('an image of another user', () => {
  test.each([['by default'], ['by the name of its cut', 'simple-example']])(
    'is not booted %s',
    async (_, ...names) => {
      const image = home.write('images/simple-example.img', 'an image');
      symlinkSync(image, join(home.directory, 'images/last'));
      home.write('project/rapido.conf', 'IMAGE_DIR=../images\n');
      chmodSync(join(home.directory, 'images'), 0o1777);
      give('images/simple-example.img');
      const { status, stderr } = await rapido(['boot', ...names]);
      expect(status).toBe(2);
      expect(shown(stderr)).toBe(
        'rapido: error: HOME/images/simple-example.img is not trusted: ' +
          'HOME/images/simple-example.img belongs to user nobody (65534)\n' +
          "  hint: to boot it anyway: rapido boot 'HOME/images/simple-example.img'\n",
      );
    },
  );
});

describe.runIf(isRoot)('a registry directory that several users share', () => {
  const vms = (): string => join(home.directory, 'shared');
  const sharing = (args: readonly string[]) => rapido(args, { QEMU_PID_DIR: vms() });

  /** Enters a VM whose processes are this one. */
  function enter(process: ProcessIdentity, owner: number): void {
    const entry = { version: 1, number: 1, hostname: 'rapido1', cut: 'c', kernelRelease: '6.1' };
    const rest = { owner: process, qemu: process, state: 'ready', since: '2026-01-01T00:00:00Z' };
    const files = { consoleLog: '/console.log', pidFile: join(vms(), 'rapido_vm1.pid') };
    const socket = { requestSocket: join(vms(), 'vm1.ask'), monitorSocket: join(vms(), 'vm1.qmp') };
    const path = home.write(
      'shared/vm1.json',
      JSON.stringify({ ...entry, ...rest, ...files, ...socket }),
      0o644,
    );
    chownSync(path, owner, owner);
    chmodSync(vms(), 0o1777);
  }

  test("stop kills nothing because of another user's entry, and no process of another user", async () => {
    home.write('project/rapido.conf', '');
    const [ours, theirs] = [[], ['setpriv', `--reuid=${NOBODY}`, '--clear-groups']].map(
      ([file, ...args]) => spawn(file ?? 'sleep', [...args, ...(file ? ['sleep'] : []), '600']),
    );
    onTestFinished(() => {
      for (const process of [ours, theirs]) process?.kill('SIGKILL');
    });
    const identify = (child: ChildProcess | undefined) => identifyProcess(child?.pid ?? 0)!;
    enter(identify(ours), NOBODY);
    expect(await sharing(['stop', '--all'])).toMatchObject({
      status: 0,
      stderr: 'no VMs are running\n',
    });
    expect(await sharing(['ps', '--json'])).toMatchObject({ stdout: '[]\n' });
    enter(identify(theirs), 0);
    expect(await sharing(['stop', '--all'])).toMatchObject({
      status: 0,
      stderr: 'no VMs are running\n',
    });
    expect([ours?.exitCode, theirs?.exitCode]).toEqual([null, null]);
    expect([ours?.signalCode, theirs?.signalCode]).toEqual([null, null]);
    // What the two have in common but for their owners is what stop ends.
    enter(identify(ours), 0);
    expect(await sharing(['stop', '--all'])).toMatchObject({ status: 0 });
    expect(ours?.signalCode).toBe('SIGTERM');
  });
});

test('rejects a directory of cuts that others can write to', async () => {
  writeMarking('CUT_DIR=cuts\n');
  chmodSync(join(home.directory, 'project/cuts'), 0o777);
  const { status, stderr } = await rapido(['list']);
  expect(status).toBe(2);
  expect(stderr).toContain('project/cuts is writable by everyone');
});

test('reads a conf from a pipe of the caller', async () => {
  const command = `"$0" "$1" --conf <(echo TAP_USER=piped) conf TAP_USER`;
  const { stdout } = await run(['bash', '-c', command, process.execPath, RAPIDO], {
    cwd: home.directory,
    env: home.env,
  });
  expect(stdout).toContain('TAP_USER = piped');
});

describe('transpiled cuts', () => {
  const cache = (): string => join(home.directory, '.cache/rapido/jiti');

  test.runIf(isRoot)('are not cached by root', async () => {
    writeMarking('CUT_DIR=cuts\n');
    mkdirSync(join(home.directory, 'tmp'));
    await rapido(['list'], { TMPDIR: join(home.directory, 'tmp'), JITI_ESM_EVAL_TEMP_FILE: '1' });
    expect(existsSync(mark())).toBe(true);
    expect(existsSync(cache())).toBe(false);
    expect(readdirSync(join(home.directory, 'tmp'))).toEqual([]);
  });

  test.runIf(!isRoot)('are cached for their user only, whatever the umask', async () => {
    writeMarking('CUT_DIR=cuts\n');
    await rapido(['list']);
    expect(statSync(cache()).mode & 0o777).toBe(0o700);
  });
});
