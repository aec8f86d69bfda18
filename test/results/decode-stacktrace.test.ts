import { chmodSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decodeSplats } from '../../src/results/decode-stacktrace.ts';
import type { RunSplat } from '../../src/results/run-result.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';
import { aSplat } from './a-result.ts';

/** Says what it was called with, and turns `foo+0x1/0x2` into a file and line. */
const SCRIPT = `#!/bin/bash
echo "$*"
sed 's|foo+0x1/0x2|foo (fs/foo.c:12)|'
`;

/** A built tree whose script is this. */
function makeTree(script: string | undefined = SCRIPT): string {
  const tree = makeTemporaryDirectory();
  writeFiles(tree, { vmlinux: '', ...(script && { 'scripts/decode_stacktrace.sh': script }) });
  return tree;
}

const TRACE = aSplat({ text: 'WARNING: at foo+0x1/0x2\n foo+0x1/0x2' });

const decodedOf = async (splat: RunSplat, tree: string | undefined): Promise<string | undefined> =>
  (await decodeSplats([splat], tree, '/mods'))[0]?.decoded;

test('the script of the tree gets vmlinux, the tree and the modules, and the trace', async () => {
  const tree = makeTree();
  expect(await decodeSplats([TRACE], tree, '/lib/modules/6.18')).toEqual([
    {
      ...TRACE,
      decoded:
        `${tree}/vmlinux ${tree} /lib/modules/6.18\n` +
        'WARNING: at foo (fs/foo.c:12)\n foo (fs/foo.c:12)',
    },
  ]);
});

test('without modules the tree stands in for them', async () => {
  const tree = makeTree();
  const [{ decoded = '' } = {}] = await decodeSplats([TRACE], tree, undefined);
  expect(decoded.split('\n')[0]).toBe(`${tree}/vmlinux ${tree} ${tree}`);
});

test('a script that may not be executed is run all the same: archives lose that', async () => {
  const tree = makeTree();
  chmodSync(join(tree, 'scripts/decode_stacktrace.sh'), 0o644);
  expect(await decodedOf(TRACE, tree)).toContain('fs/foo.c:12');
});

test('an O= build directory: the script is where its link `source` leads', async () => {
  const source = makeTree();
  const build = makeTemporaryDirectory();
  writeFiles(build, { vmlinux: '' });
  symlinkSync(source, join(build, 'source'));
  expect(await decodedOf(TRACE, build)).toContain(`${build}/vmlinux ${build}`);
});

describe('what is left as it is', () => {
  test.each([
    ['without a tree', () => undefined],
    ['without the script', () => makeTree('')],
    [
      'without vmlinux',
      () => {
        const tree = makeTemporaryDirectory();
        writeFiles(tree, { 'scripts/decode_stacktrace.sh': SCRIPT });
        return tree;
      },
    ],
    [
      'a directory in place of the script',
      () => {
        const tree = makeTree('');
        mkdirSync(join(tree, 'scripts/decode_stacktrace.sh'), { recursive: true });
        return tree;
      },
    ],
  ])('all, %s', async (_, makeIt) => {
    expect(await decodeSplats([TRACE], makeIt(), undefined)).toEqual([TRACE]);
  });

  test('a note, and one line without a trace', async () => {
    const tree = makeTree();
    expect(await decodedOf({ ...TRACE, severity: 'note' }, tree)).toBeUndefined();
    expect(await decodedOf({ ...TRACE, text: 'BUG: at foo+0x1/0x2' }, tree)).toBeUndefined();
  });

  test('all but the first five: each takes seconds', async () => {
    const splats = Array.from({ length: 7 }, () => TRACE);
    const decoded = await decodeSplats(splats, makeTree(), undefined);
    expect(decoded.map((splat) => splat.decoded !== undefined)).toEqual([
      ...[true, true, true, true, true, false, false],
    ]);
  });

  test('notes before them do not count among the five', async () => {
    const notes = Array.from({ length: 6 }, () => aSplat({ severity: 'note' }));
    const decoded = await decodeSplats([...notes, TRACE], makeTree(), undefined);
    expect(String(decoded.at(-1)?.decoded)).toContain('fs/foo.c:12');
  });

  test('all, where the kernel has no debug information: there would be less than before', async () => {
    const script = "sed 's|foo+0x1/0x2|foo (??:?)|'\n";
    expect(await decodedOf(TRACE, makeTree(script))).toBeUndefined();
  });

  test('what the script fails on', async () => {
    expect(await decodedOf(TRACE, makeTree('echo "foo (fs/foo.c:12)"; exit 1\n'))).toBeUndefined();
  });
});

test('a script that does not read its input fails nothing', async () => {
  const long = { ...TRACE, text: 'foo+0x1/0x2\n'.repeat(50_000) };
  expect(await decodedOf(long, makeTree('exec <&-; sleep 0.1; echo "foo (fs/foo.c:12)"\n'))).toBe(
    'foo (fs/foo.c:12)',
  );
});

test('what the script complains of is no part of the trace', async () => {
  const script = `${SCRIPT}echo "WARNING! Modules path isn't set" >&2\n`;
  expect(await decodedOf(TRACE, makeTree(script))).not.toContain('WARNING!');
});
