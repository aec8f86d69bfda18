import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decodeSplats, findDecoder, toInert } from '../../src/results/decode-stacktrace.ts';
import type { RunSplat } from '../../src/results/run-result.ts';
import { trustOf } from '../../src/sys/trust.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';
import { aSplat } from './a-result.ts';

/** Prints its arguments, and turns `foo+0x1/0x2` into a file and line. */
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

const OWN = trustOf({});

/** Decodes splats as a run does. */
async function decodeAll(
  splats: RunSplat[],
  tree: string | undefined,
  modules?: string,
): Promise<RunSplat[]> {
  const decoder = findDecoder(tree, OWN);
  if (decoder === undefined) return splats;
  if ('unusable' in decoder) throw new Error(decoder.unusable);
  return decodeSplats(splats, decoder, modules);
}

const decodedOf = async (splat: RunSplat, tree: string | undefined): Promise<string | undefined> =>
  (await decodeAll([splat], tree, '/mods'))[0]?.decoded;

test('passes vmlinux, tree, modules and trace to the script of the tree', async () => {
  const tree = makeTree();
  expect(await decodeAll([TRACE], tree, '/lib/modules/6.18')).toEqual([
    {
      ...TRACE,
      decoded:
        `${tree}/vmlinux ${tree} /lib/modules/6.18\n` +
        'WARNING: at foo (fs/foo.c:12)\n foo (fs/foo.c:12)',
    },
  ]);
});

test('without modules, passes the tree in their place', async () => {
  const tree = makeTree();
  const [{ decoded = '' } = {}] = await decodeAll([TRACE], tree);
  expect(decoded.split('\n')[0]).toBe(`${tree}/vmlinux ${tree} ${tree}`);
});

test('runs a script without execute permission: archives lose it', async () => {
  const tree = makeTree();
  chmodSync(join(tree, 'scripts/decode_stacktrace.sh'), 0o644);
  expect(await decodedOf(TRACE, tree)).toContain('fs/foo.c:12');
});

test('with an O= build directory, finds the script behind its link `source`', async () => {
  const source = makeTree();
  const build = makeTemporaryDirectory();
  writeFiles(build, { vmlinux: '' });
  symlinkSync(source, join(build, 'source'));
  expect(await decodedOf(TRACE, build)).toContain(`${build}/vmlinux ${build}`);
});

describe('leaves unchanged', () => {
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
    expect(await decodeAll([TRACE], makeIt())).toEqual([TRACE]);
  });

  test('a note, and one line without a trace', async () => {
    const tree = makeTree();
    expect(await decodedOf({ ...TRACE, severity: 'note' }, tree)).toBeUndefined();
    expect(await decodedOf({ ...TRACE, text: 'BUG: at foo+0x1/0x2' }, tree)).toBeUndefined();
  });

  test('all but the first five: each takes seconds', async () => {
    const splats = Array.from({ length: 7 }, () => TRACE);
    const decoded = await decodeAll(splats, makeTree());
    expect(decoded.map((splat) => splat.decoded !== undefined)).toEqual([
      true,
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
  });

  test('notes do not count among the five', async () => {
    const notes = Array.from({ length: 6 }, () => aSplat({ severity: 'note' }));
    const decoded = await decodeAll([...notes, TRACE], makeTree());
    expect(String(decoded.at(-1)?.decoded)).toContain('fs/foo.c:12');
  });

  test('all, if the kernel has no debug information', async () => {
    const script = "sed 's|foo+0x1/0x2|foo (??:?)|'\n";
    expect(await decodedOf(TRACE, makeTree(script))).toBeUndefined();
  });

  test('a trace on which the script fails', async () => {
    expect(await decodedOf(TRACE, makeTree('echo "foo (fs/foo.c:12)"; exit 1\n'))).toBeUndefined();
  });
});

test('a script that does not read its input is no failure', async () => {
  const long = { ...TRACE, text: 'foo+0x1/0x2\n'.repeat(50_000) };
  expect(await decodedOf(long, makeTree('exec <&-; sleep 0.1; echo "foo (fs/foo.c:12)"\n'))).toBe(
    'foo (fs/foo.c:12)',
  );
});

test('messages of the script are not part of the trace', async () => {
  const script = `${SCRIPT}echo "WARNING! Modules path isn't set" >&2\n`;
  expect(await decodedOf(TRACE, makeTree(script))).not.toContain('WARNING!');
});

describe("a script in another user's tree", () => {
  const nobodyElse = { uids: new Set([4711]), home: undefined, vouchedFor: [] };

  test('is not run', () => {
    const decoder = findDecoder(makeTree(), nobodyElse);
    expect(decoder).toEqual({
      unusable: expect.stringMatching(
        /scripts\/decode_stacktrace.sh is not trusted: .* belongs to/,
      ),
    });
  });

  test('is run if the caller trusts the tree', () => {
    const tree = makeTree();
    expect(findDecoder(tree, { ...nobodyElse, vouchedFor: [tree] })).toMatchObject({ tree });
  });
});

/**
 * Looks up the last words of the same lines as the kernel's script, and as carelessly: pasted into strings of
 * a shell, and into a program of awk.
 */
const GULLIBLE = `#!/bin/bash
cd "$(dirname "$0")"
while read line; do
  if [[ $line =~ \\[\\<([^]]+)\\>\\] ]] || [[ $line =~ [^+\\ ]+\\+0x[0-9a-f]+/0x[0-9a-f]+ ]]; then
    read -a words <<< "$line"
    looked_up=("\${words[-1]}")
    case $looked_up in
      *[*]) looked_up=("\${words[@]: -2}") ;; # A symbol and its module.
      *]) looked_up=("\${words[@]: -3}") ;;   # And the build id of that one.
    esac
    for word in "\${looked_up[@]}"; do
      (eval "x=\\"$word\\""; eval "x='$word'") 2>/dev/null
      echo | awk "/$word/" 2>/dev/null
    done
  elif [[ $line == *Code:* ]]; then
    (eval ": \${line#*Code:}") 2>/dev/null
  fi
done
echo "foo (fs/foo.c:12)"
`;

describe('text that a guest may have written to its kernel log', () => {
  test.each([
    ['quotes', 'at x";touch${IFS}MARK;y="+0x1/0x2'],
    ['single quotes', "at x';touch${IFS}MARK;y='+0x1/0x2"],
    ['quotes, and a module', 'at x";touch${IFS}MARK;y="+0x1/0x2 [mod]'],
    ['quotes, and a module with a build id', 'at x";touch${IFS}MARK;y="+0x1/0x2 [mod 12ab]'],
    ['an invalid module', 'at foo+0x1/0x2 [x";touch${IFS}MARK;y="]'],
    ['a command', 'at foo+a[$(touch${IFS}MARK)]+0x1/0x2'],
    ['a command in backquotes', 'at foo+a[`touch${IFS}MARK`]+0x1/0x2'],
    ['the end of a regular expression', 'at x/||system("touch${IFS}MARK")||1#+0x1/0x2'],
    ['an invalid blank', 'at x";touch${IFS}MARK;y="\u00a0foo+0x1/0x2'],
    ['a blank behind a backslash', 'at x";touch${IFS}MARK;y="\\\\\\ foo+0x1/0x2'],
    ['an offset behind a backslash', 'at x";touch${IFS}MARK;y="+0x1\\/0x2'],
    ['a line that goes on', 'at x";touch${IFS}MARK;y="+0x1\\\n/0x2'],
    ['a NUL in the offset', 'at x";touch${IFS}MARK;y="+0x1\0/0x2'],
    ['an address in brackets', '[<ffffffff>] at x";touch${IFS}MARK;y="'],
    ['invalid bytes', 'Code: 0f 0b; touch MARK'],
    ['bytes behind bytes', 'Code: 0f 0b Code: $(touch MARK)'],
  ])('%s: is never executed', async (_, line) => {
    const tree = makeTree(GULLIBLE);
    const evil = `WARNING: at foo\n${line}\n foo+0x1/0x2`;
    const script = join(tree, 'scripts/decode_stacktrace.sh');
    spawnSync('bash', [script], { input: `${evil}\n` });
    expect(existsSync(join(tree, 'scripts/MARK')), 'the script of these tests runs it').toBe(true);
    rmSync(join(tree, 'scripts/MARK'));
    expect(await decodedOf(aSplat({ text: evil }), tree)).toBe('foo (fs/foo.c:12)');
    expect(existsSync(join(tree, 'scripts/MARK'))).toBe(false);
  });

  test.each([
    '[    1.234567] RIP: 0010:foo.constprop.0+0x1f/0x30 [xfs]',
    '[12345.678901] RIP: 0010:foo.cold+0x1f/0x30 [xfs 0123abcd]',
    ' ? __die_body.cold+0x1a/0x1f',
    '[   12.3] (&type->s_umount_key#24){++++}-{3:3}, at: deactivate_super+0x2e/0x40',
    '[   12.3] softirqs last  enabled at (1234): [<ffffffff8105b2f4>] __do_softirq+0x1/0x2',
    '[   12.3] hardirqs last disabled at (9): (foo+0x1/0x2 [mod])',
    '[   12.3]  *** DEADLOCK ***',
    '[   12.3] possible deadlock in \'a\' & "b" ($1)',
    '[   12.3] Code: 48 89 df <0f> 0b e8 (bad)',
    '[12345.678901] CPU: 1 PID: 88 Comm: kworker/1:1 Tainted: G W 6.1.0-56-amd64 #1',
  ])("the kernel's own text is unchanged: %s", (line) => {
    expect(toInert(line)).toBe(line);
  });
});
