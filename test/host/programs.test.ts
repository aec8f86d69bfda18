import { chmodSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findProgram, programSearchPath } from '../../src/host/programs.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';

test('PATH comes first, then the system directories that it lacks, each once', () => {
  expect(programSearchPath('/home/me/bin:/usr/bin', ['/src/xfsprogs'])).toEqual([
    '/src/xfsprogs',
    '/home/me/bin',
    '/usr/bin',
    '/usr/local/sbin',
    '/usr/local/bin',
    '/usr/sbin',
    '/sbin',
    '/bin',
  ]);
});

test('omits empty and relative parts of PATH, which mean the current directory', () => {
  expect(programSearchPath(':.:bin::/opt/bin:')[0]).toBe('/opt/bin');
  expect(programSearchPath(undefined)[0]).toBe('/usr/local/sbin');
  expect(programSearchPath('')).toHaveLength(6);
});

test('finds the first executable file of that name; skips directories and other files', () => {
  const directory = makeTemporaryDirectory();
  const at = (name: string): string => join(directory, name);
  writeFiles(directory, { 'a/tool/': '', 'b/tool': 'no permission', 'c/tool': '', 'd/tool': '' });
  chmodSync(at('b/tool'), 0o644);
  chmodSync(at('c/tool'), 0o755);
  chmodSync(at('d/tool'), 0o755);
  symlinkSync('nowhere', at('a/dangling'));
  symlinkSync('../c/tool', at('a/link'));
  const path = ['nowhere', 'a', 'b', 'c', 'd'].map(at);
  expect(findProgram('tool', path)).toBe(at('c/tool'));
  expect(findProgram('link', path)).toBe(at('a/link'));
  expect(findProgram('dangling', path)).toBeUndefined();
  expect(findProgram('missing', path)).toBeUndefined();
});

test('only checks an absolute path', () => {
  const directory = makeTemporaryDirectory();
  writeFiles(directory, { tool: '', other: '' });
  chmodSync(join(directory, 'tool'), 0o755);
  chmodSync(join(directory, 'other'), 0o644);
  expect(findProgram(join(directory, 'tool'), [])).toBe(join(directory, 'tool'));
  expect(findProgram(join(directory, 'other'), [directory])).toBeUndefined();
});
