import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { describeSource } from '../../src/host/git-describe.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';

afterEach(() => vi.unstubAllEnvs());

let tree: string;
beforeEach(() => {
  tree = makeTemporaryDirectory();
});

function git(...args: string[]): void {
  const author = { NAME: 'A', EMAIL: 'a@example.org' };
  execFileSync('git', ['-C', tree, ...args], {
    stdio: 'ignore',
    env: {
      PATH: process.env.PATH,
      HOME: tree,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_AUTHOR_NAME: author.NAME,
      GIT_AUTHOR_EMAIL: author.EMAIL,
      GIT_COMMITTER_NAME: author.NAME,
      GIT_COMMITTER_EMAIL: author.EMAIL,
    },
  });
}

function commit(): void {
  writeFiles(tree, { Makefile: 'VERSION = 6\n' });
  git('init', '--quiet');
  git('add', 'Makefile');
  git('commit', '--quiet', '-m', 'Linux 6.18');
}

test('a tag, with the distance from it and whether files were changed', async () => {
  commit();
  git('tag', '-a', '-m', 'Linux 6.18', 'v6.18');
  expect((await describeSource(tree)).git).toBe('v6.18');
  writeFiles(tree, { Makefile: 'VERSION = 7\n' });
  expect((await describeSource(tree)).git).toBe('v6.18-dirty');
  git('commit', '--quiet', '-a', '-m', 'a change');
  expect((await describeSource(tree)).git).toMatch(/^v6\.18-1-g[0-9a-f]{7,}$/);
});

test('the commit and its branch, which a detached HEAD does not have', async () => {
  commit();
  git('branch', '-m', 'my-fix');
  const { git: described = '', commit: hash, branch } = await describeSource(tree);
  expect({ hash, branch }).toEqual({
    hash: expect.stringMatching(/^[0-9a-f]{40}$/),
    branch: 'my-fix',
  });
  expect(hash).toContain(described);
  git('checkout', '--quiet', '--detach');
  expect(await describeSource(tree)).toEqual({ git: described, commit: hash });
});

test('without a tag, the commit', async () => {
  commit();
  expect((await describeSource(tree)).git).toMatch(/^[0-9a-f]{7,}$/);
});

test('a tree without git, or a missing tree, has no version', async () => {
  expect(await describeSource(tree)).toEqual({});
  expect(await describeSource(join(tree, 'nowhere'))).toEqual({});
});

test('a repository without commits has none', async () => {
  git('init', '--quiet');
  expect(await describeSource(tree)).toEqual({});
});

test('warnings of git are not part of the version', async () => {
  commit();
  git('tag', '-a', '-m', 'Linux 6.18', 'v6.18');
  // A tag that was renamed by hand: git says so on stderr.
  renameSync(join(tree, '.git/refs/tags/v6.18'), join(tree, '.git/refs/tags/mine'));
  expect((await describeSource(tree)).git).toMatch(/^[\w.-]+$/);
});

test('a tree inside a repository of something else has no version', async () => {
  commit();
  const linux = join(tree, 'linux-6.18');
  mkdirSync(linux);
  expect(await describeSource(linux)).toEqual({});
});

test('ignores a repository that the environment names, as in a git hook', async () => {
  commit();
  git('tag', 'v6.18');
  vi.stubEnv('GIT_DIR', join(makeTemporaryDirectory(), 'other.git'));
  expect((await describeSource(tree)).git).toBe('v6.18');
});
