import { chmodSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { createWorkspace, type Workspace } from '../support/workspace.ts';

let home: Workspace;
beforeEach(() => {
  home = createWorkspace();
});

const read = (name: string): string => readFileSync(join(home.directory, name), 'utf8');

test('the first key makes the conf of the user, and is in effect', async () => {
  const set = await home.rapido(['conf', '--set', 'VM_MEMORY=2G', '--set', 'KERNEL_SRC=linux']);
  const path = join(home.directory, '.config/rapido/rapido.conf');
  expect(set).toMatchObject({
    status: 0,
    stderr: `${path}: VM_MEMORY is set\n${path}: KERNEL_SRC is set\n`,
  });
  expect(read('.config/rapido/rapido.conf')).toBe(
    `VM_MEMORY="2G"\nKERNEL_SRC="${home.directory}/linux"\n`,
  );
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect((await home.rapido(['conf', 'VM_MEMORY'])).stdout).toContain('VM_MEMORY = 2G');
});

test('a default is not written, however it is spelt, and a key that has it is removed', async () => {
  const path = home.write('real.conf', '# mine\nVM_MEMORY=2G\nVM_CPUS=4\n');
  chmodSync(path, 0o640);
  symlinkSync('real.conf', join(home.directory, 'rapido.conf'));
  const set = await home.rapido(['conf', '--set', 'VM_MEMORY=524288k', '--unset', 'VM_CPUS']);
  expect(set.status).toBe(0);
  expect(set.stderr).toContain('rapido.conf: VM_MEMORY has its default\n');
  expect(read('real.conf')).toBe('# mine\n');
  expect(statSync(path).mode & 0o777).toBe(0o640);
});

test('the environment is no part of what is compared, and overrides with a warning', async () => {
  home.write('rapido.conf', '');
  const env = { VM_CPUS: '3' };
  const set = await home.rapido(['conf', '--set', 'VM_CPUS=3'], { env });
  expect(set.stderr).toContain('warning: the environment variable VM_CPUS overrides ');
  expect(read('rapido.conf')).toBe('VM_CPUS="3"\n');
});

test.each([
  ['a wrong value', ['--set', 'VM_MEMORY=lots'], '--set: VM_MEMORY: "lots": expected a size'],
  [
    'a word for a number',
    ['--set', 'VM_CPUS=two'],
    '--set: VM_CPUS: "two" is not a positive integer',
  ],
  [
    'a misspelt key',
    ['--set', 'VM_MEMROY=2G'],
    'unknown key VM_MEMROY\n  hint: did you mean VM_MEMORY?',
  ],
  ['a key of one VM', ['--set', 'MAC=b8:ac:24:45:c5:01'], 'MAC is a key of one VM'],
  ['a misspelt key to remove', ['--unset', 'VM_MEMROY'], '--unset: unknown key VM_MEMROY'],
  [
    'a value as another word',
    ['--set', 'VM_MEMORY', '2G'],
    '--set and --unset take no further arguments: 2G',
  ],
  [
    'one wrong value of two',
    ['--set', 'VM_CPUS=4', '--set', 'VM_ACCEL=xen'],
    'expected auto, kvm or tcg',
  ],
])('%s is rejected, and nothing is written', async (_title, args, message) => {
  home.write('rapido.conf', '# mine\n');
  const { status, stderr } = await home.rapido(['conf', ...args]);
  expect(status).toBe(2);
  expect(stderr).toContain(message);
  expect(read('rapido.conf')).toBe('# mine\n');
});
