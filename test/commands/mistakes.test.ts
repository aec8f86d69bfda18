import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CHANNEL_MODULES, hostKernel, makeKernelTree } from '../support/kernel-tree.ts';
import { ORDINARY_USER } from '../support/typescript-process.ts';
import { createWorkspace, type Finished } from '../support/workspace.ts';

/** What a user reads after a mistake: stderr, with the home directory shown as ~. */
async function rapido(
  args: readonly string[],
  files: Readonly<Record<string, string>> = {},
  env: Record<string, string> = {},
): Promise<Pick<Finished, 'status' | 'stderr'>> {
  const home = createWorkspace();
  for (const [name, content] of Object.entries(files)) home.write(name, content);
  const { status, stderr } = await home.rapido(args, { env });
  return { status, stderr: stderr.replaceAll(home.directory, '~') };
}

it('boot before any cut', async () => {
  expect(await rapido(['boot'])).toEqual({
    status: 1,
    stderr: 'rapido: error: nothing has been cut yet\n  hint: rapido cut simple-example\n',
  });
});

it('boot of a target that was not cut', async () => {
  expect(await rapido(['boot', 'simple-example'])).toEqual({
    status: 1,
    stderr:
      'rapido: error: there is no image of simple-example yet\n  hint: rapido cut simple-example\n',
  });
});

it('boot of a target that does not exist', async () => {
  const { status, stderr } = await rapido(['boot', 'simple-exmaple']);
  expect(status).toBe(2);
  expect(stderr).toContain('did you mean simple-example?');
});

it('boot of a file that is not an image', async () => {
  expect(await rapido(['boot', './notes'], { notes: 'not an image' })).toEqual({
    status: 1,
    stderr: expect.stringMatching(
      /^kernel: [^\n]+\nrapido: error: ~\/notes: not an image of this version of rapido\n {2}hint: cut one with `rapido cut NAME`; `rapido list` shows the names\n$/,
    ),
  });
});

it('a conf key misspelt', async () => {
  const { status, stderr } = await rapido(['list'], { 'rapido.conf': 'KERNEL_SCR="/linux"\n' });
  expect(status).toBe(0); // What needs no conf is not stopped by it.
  expect(stderr).toBe('');
  const conf = await rapido(['conf'], { 'rapido.conf': 'KERNEL_SCR="/linux"\n' });
  expect(conf.status).toBe(2);
  expect(conf.stderr).toContain(
    'rapido.conf:1: unknown conf key KERNEL_SCR. Did you mean KERNEL_SRC?',
  );
});

it('a missing kernel tree, which doctor finds, too', async () => {
  const files = { 'rapido.conf': 'KERNEL_SRC="/no/such/linux"\n' };
  const cut = await rapido(['cut', 'simple-example'], files);
  expect(cut.status).toBe(2);
  expect(cut.stderr).toContain('KERNEL_SRC: /no/such/linux is not a directory');
  const doctor = await rapido(['doctor'], files);
  expect(doctor.status).toBe(1);
  // No script of ours builds a kernel.
  expect(doctor.stderr).toBe('rapido cannot cut or boot on this host yet\n');
});

it('a kernel tree that is not built, which doctor finds, too', async () => {
  const home = createWorkspace();
  home.write('linux/.config', 'CONFIG_64BIT=y\nCONFIG_X86=y\nCONFIG_X86_64=y\n');
  const env = { KERNEL_SRC: join(home.directory, 'linux') };
  const cut = await home.rapido(['cut', 'simple-example'], { env });
  expect(cut.status).toBe(1);
  expect(cut.stderr).toContain(`KERNEL_SRC: ${env.KERNEL_SRC} is not built`);
  expect(cut.stderr).toMatch(/hint: .*make /);
  const doctor = await home.rapido(['doctor'], { env });
  expect(doctor.status).toBe(1);
  expect(doctor.stdout).toContain(`KERNEL_SRC: ${env.KERNEL_SRC} is not built`);
  expect(doctor.stdout + doctor.stderr).not.toContain('scripts/setup');
});

it('a kernel tree whose modules were not installed below it: those of the host are used, and it is noted', async () => {
  const home = createWorkspace();
  const tree = join(home.directory, 'linux');
  makeKernelTree(tree, { drivers: CHANNEL_MODULES });
  rmSync(join(tree, 'mods'), { recursive: true });
  const env = { KERNEL_SRC: tree };
  const { status, stderr } = await home.rapido(['cut', 'simple-example', '--dry-run'], { env });
  expect(status).toBe(0);
  expect(stderr).toContain(`because there are none in ${tree}/mods`);
});

it('modules without modules.dep, which doctor finds, too', async () => {
  const home = createWorkspace();
  const tree = join(home.directory, 'linux');
  makeKernelTree(tree, { drivers: CHANNEL_MODULES });
  rmSync(join(tree, 'mods/lib/modules', hostKernel()?.release ?? '', 'modules.dep'));
  const { status, stdout } = await home.rapido(['doctor'], { env: { KERNEL_SRC: tree } });
  expect(status).toBe(1);
  expect(stdout).toMatch(/error .*modules\.dep is missing: depmod was not run\n +depmod -b /);
});

it('a user without a home directory, such as an unknown uid in a container', async () => {
  const home = createWorkspace();
  const nobody = {
    env: { HOME: '/', XDG_RUNTIME_DIR: '' },
    cwd: '/',
    prefix: ORDINARY_USER,
  };
  for (const args of [
    ['cut', 'simple-example'],
    ['run', 'simple-example', '--', 'true'],
    ['boot'],
  ]) {
    const { stderr } = await home.rapido(args, nobody);
    expect(stderr).toBe(
      'rapido: error: /.cache/rapido is not writable\n' +
        '  hint: set HOME, or XDG_CACHE_HOME and XDG_STATE_HOME, to a directory of your own\n',
    );
  }
  expect(await home.rapido(['cut', 'simple-example', '--dry-run'], nobody)).toMatchObject({
    status: 0,
  });
});

it('a broken cut of the user does not hide the others in the list', async () => {
  const home = createWorkspace();
  home.write('.config/rapido/cuts/broken.js', 'export default { summary: 1 };\n');
  const { status, stdout, stderr } = await home.rapido(['list']);
  expect(status).toBe(2);
  expect(stdout).toContain('simple-example');
  expect(stderr).toContain('broken.js: not a valid cut');
});
