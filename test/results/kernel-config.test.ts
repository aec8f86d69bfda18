import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { keepConfig, pruneConfigs } from '../../src/results/kernel-config.ts';
import { createRun, type RunDirectory } from '../../src/results/store.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';

let parent: string;
let source: string;
beforeEach(() => {
  const directory = makeTemporaryDirectory();
  parent = join(directory, 'runs');
  source = join(directory, 'config');
  writeFileSync(source, 'CONFIG_X86_64=y\n');
});

const start = (): RunDirectory => createRun(parent, 'simple-example', new Date());
const inodeOf = (run: RunDirectory): number => statSync(run.file('kernel.config')).ino;

test('runs with the same configuration share one file, others do not', () => {
  const [a, b, c] = [start(), start(), start()];
  const hash = keepConfig(a, source);
  expect(hash).toMatch(/^[0-9a-f]{64}$/);
  expect(keepConfig(b, source)).toBe(hash);
  writeFileSync(source, 'CONFIG_ARM64=y\n');
  expect(keepConfig(c, source)).not.toBe(hash);
  expect(inodeOf(a)).toBe(inodeOf(b));
  expect(readFileSync(a.file('kernel.config'), 'utf8')).toBe('CONFIG_X86_64=y\n');
  expect(readFileSync(c.file('kernel.config'), 'utf8')).toBe('CONFIG_ARM64=y\n');
});

test('a configuration is removed with its last run', () => {
  const [a, b] = [start(), start()];
  keepConfig(a, source);
  keepConfig(b, source);
  rmSync(a.path, { recursive: true });
  pruneConfigs(parent);
  expect(readdirSync(join(parent, '.configs'))).toHaveLength(1);
  rmSync(b.path, { recursive: true });
  pruneConfigs(parent);
  expect(existsSync(join(parent, '.configs'))).toBe(false);
});

test('a kept file of another size is not linked: the run gets its own', () => {
  const [a, b] = [start(), start()];
  const hash = keepConfig(a, source)!;
  writeFileSync(join(parent, '.configs', hash), 'forged');
  keepConfig(b, source);
  expect(readFileSync(b.file('kernel.config'), 'utf8')).toBe('CONFIG_X86_64=y\n');
});

test('without a readable configuration, nothing is kept', () => {
  const run = start();
  expect(keepConfig(run, '/does/not/exist')).toBeUndefined();
  expect(existsSync(run.file('kernel.config'))).toBe(false);
});
