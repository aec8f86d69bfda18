import { expect, test } from 'vitest';
import { toolEnvironment } from '../../src/sys/environment.ts';

test('a program gets the variables to find programs and the home directory, and a fixed locale', () => {
  const user = {
    PATH: '/opt/bin:/usr/bin',
    LD_LIBRARY_PATH: '/opt/lib',
    HOME: '/home/me',
    TMPDIR: '/scratch',
    LC_ALL: 'de_DE.UTF-8',
    LANG: 'de_DE.UTF-8',
  };
  expect(toolEnvironment(user)).toEqual({
    PATH: '/opt/bin:/usr/bin',
    LD_LIBRARY_PATH: '/opt/lib',
    HOME: '/home/me',
    TMPDIR: '/scratch',
    LC_ALL: 'C.UTF-8',
  });
});

test.each([
  'BASH_ENV',
  'BASH_XTRACEFD',
  'BASH_FUNC_ls%%',
  'SHELLOPTS',
  'LD_PRELOAD',
  'LD_AUDIT',
  'IFS',
  'XZ_OPT',
  'XZ_DEFAULTS',
  'GZIP',
  'POSIXLY_CORRECT',
  'MKE2FS_CONFIG',
  'GIT_DIR',
  'CDPATH',
])('%s of the user does not change its output', (name) => {
  expect(toolEnvironment({ [name]: '1' })).toEqual({ LC_ALL: 'C.UTF-8' });
});

test('passes further variables by name, if they are set', () => {
  expect(toolEnvironment({ LLVM: '-18' }, ['LLVM', 'CROSS_COMPILE'])).toEqual({
    LLVM: '-18',
    LC_ALL: 'C.UTF-8',
  });
});
