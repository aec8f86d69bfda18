import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Chalk } from 'chalk';
import { beforeEach, expect, test } from 'vitest';
import type { RunResult } from '../../src/results/run-result.ts';
import { readRun, resultOf } from '../../src/results/store.ts';
import { mergeRuns } from '../../src/show/merge.ts';
import { createUi } from '../../src/ui/terminal.ts';
import { aResult, tests } from '../results/a-result.ts';
import { complaintOf } from '../support/complaint.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';

let here: string;
beforeEach(() => {
  here = makeTemporaryDirectory();
});

const kernel = { release: '6.18.0', image: '/linux/bzImage', git: undefined };

function writePart(index: number, changes: Partial<RunResult> = {}, at = `part-${index}`): string {
  const result = aResult({
    kernel,
    shard: { index, count: 2 },
    tests: tests({ [`xfs/00${index}`]: 'pass' }),
    ...changes,
  });
  writeFiles(join(here, at), {
    'result.json': JSON.stringify(result),
    'console.log': `console of ${index}\r\n`,
    'stdout.log': `output of ${index}\n`,
  });
  return join(here, at);
}

async function merge(names: string[], output = join(here, 'whole')) {
  const lines: string[] = [];
  const stream = { write: (text: string) => void lines.push(text) };
  const ui = { ...createUi(stream, stream, {}), paint: new Chalk({ level: 0 }) };
  return { status: await mergeRuns(names, { output, results: here }, ui), text: lines.join('') };
}

test('writes a run that `rapido results` shows, with the logs of all parts', async () => {
  const { status, text } = await merge([writePart(2), writePart(1)]);
  expect(status).toBe(0);
  expect(text).toContain('2 tests passed in 2 shards');
  const whole = readRun(here, join(here, 'whole'));
  expect(resultOf(whole).tests.map(({ name }) => name)).toEqual(['xfs/001', 'xfs/002']);
  expect(readFileSync(whole.file('stdout.log'), 'utf8')).toBe(
    '\nrapido: shard 1 of 2\noutput of 1\n\nrapido: shard 2 of 2\noutput of 2\n',
  );
  expect(readFileSync(whole.file('console.log'), 'utf8')).toContain('console of 2');
  expect(readFileSync(whole.file('junit.xml'), 'utf8')).toContain('xfs/002');
  expect(statSync(whole.path).mode & 0o777).toBe(0o700);
});

test('takes directories that contain runs, as --results of each part has them', async () => {
  writePart(1, {}, 'a/20261123-021557-fstests-xfs-0001');
  writePart(2, {}, 'b/20261123-021557-fstests-xfs-0002');
  expect((await merge([join(here, 'a'), join(here, 'b')])).status).toBe(0);
});

test('exits as the worst part did', async () => {
  const failed = { verdict: 'fail', status: 1, reason: 'xfs/002 failed' } as const;
  expect(await merge([writePart(1), writePart(2, failed)])).toMatchObject({ status: 1 });
});

test('a missing part is an error, and nothing is written', async () => {
  await expect(merge([writePart(1)])).rejects.toThrow('shard 2 of 2 is missing');
  expect(readdirSync(here)).toEqual(['part-1']);
});

test('a part without a result is an error', async () => {
  writeFiles(join(here, 'part-2'), { 'result.json': '{"version": 1' });
  await expect(merge([writePart(1), join(here, 'part-2')])).rejects.toThrow('not valid JSON');
  expect(existsSync(join(here, 'whole'))).toBe(false);
});

test('does not follow a link that a part has instead of a log', async () => {
  const part = writePart(1);
  writeFiles(here, { secret: 'of the host' });
  symlinkSync(join(here, 'secret'), join(part, 'stderr.log'));
  await merge([part, writePart(2)]);
  expect(readFileSync(join(here, 'whole/stderr.log'), 'utf8')).not.toContain('of the host');
});

test('has the consoles of the servers of each part, and no file of another name', async () => {
  const server = (console: string) => ({ cut: 'nfsd', number: 1, console });
  const part = writePart(1, { servers: [server('console-vm1-nfsd.log'), server('../secret')] });
  writeFiles(here, { secret: 'of the host' });
  writeFiles(part, { 'console-vm1-nfsd.log': 'of the server' });
  await merge([part, writePart(2)]);
  const copied = join(here, 'whole/shard-1');
  expect(readdirSync(copied)).toEqual(['console-vm1-nfsd.log']);
  expect(readFileSync(join(copied, 'console-vm1-nfsd.log'), 'utf8')).toBe('of the server');
});

test('an existing directory is only used if it is empty', async () => {
  const parts = [writePart(1), writePart(2)];
  const complaint = await complaintOf(() => merge(parts, parts[0]));
  expect(complaint).toContain('exists and is not an empty directory');
  mkdirSync(join(here, 'empty'));
  expect((await merge(parts, join(here, 'empty'))).status).toBe(0);
});
