import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileExclusions, exclusionExpression } from '../../src/image/exclusions.ts';
import { walkTree } from '../../src/image/tree-walk.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';

const CASES: [pattern: string, path: string, isExcluded: boolean][] = [
  ['.git', '.git', true],
  ['.git', 'sub/.git', true],
  ['.git', '.github', false],
  ['.git', 'agit', false],
  ['*.o', 'src/a.o', true],
  ['*.o', 'src/.o', true],
  ['*.o', 'src/a.obj', false],
  ['*.o', 'src.o/a', false],
  ['doc/html', 'doc/html', true],
  ['doc/html', 'other/doc/html', false],
  ['doc/html/', 'doc/html', true],
  ['/build', 'build', true],
  ['/build', 'sub/build', false],
  ['doc/*.html', 'doc/a.html', true],
  ['doc/*.html', 'doc/sub/a.html', false],
  ['a+(b)', 'a+(b)', true],
  ['[ab]?{2}|c^$', '[ab]?{2}|c^$', true],
  ['[ab]', 'a', false],
  ['back\\slash*', 'back\\slashed', true],
  ['two*lines', 'two\nlines', true],
  ['größe', 'größe', true],
  ['gr*e', 'größe', true],
];

describe('exclusions', () => {
  it.each(CASES)('%j excludes %j: %s', (pattern, path, isExcluded) => {
    const binary = Buffer.from(path).toString('latin1');
    const name = binary.slice(binary.lastIndexOf('/') + 1);
    expect(compileExclusions([pattern])(name, binary)).toBe(isExcluded);
  });

  it('are the same for find(1), in a directory of any name', () => {
    const root = join(makeTemporaryDirectory(), 'a+b (c)*.o');
    writeFiles(root, Object.fromEntries(CASES.map(([, path], index) => [`${index}/${path}`, ''])));
    for (const [index, [pattern]] of CASES.entries()) {
      const tree = join(root, String(index));
      const walked = walkTree(tree, [pattern]).map(({ name }) => name);
      expect(find(tree, [pattern])).toEqual(walked.slice(1));
    }
    const all = CASES.map(([pattern]) => pattern);
    expect(find(root, all)).toEqual(
      walkTree(root, all)
        .map(({ name }) => name)
        .slice(1),
    );
    expect(exclusionExpression(root, [])).toBeUndefined();
  });
});

/** What find lists below a root, in the order of bytes, as binary strings. */
function find(root: string, patterns: readonly string[]): string[] {
  const expression = exclusionExpression(root, patterns) ?? '';
  const tests = ['-regextype', 'posix-extended', '-regex', expression, '-prune', '-o'];
  const output = execFileSync('find', [root, '-mindepth', '1', ...tests, '-printf', '%P\\0'], {
    env: { ...process.env, LC_ALL: 'C' },
    encoding: 'latin1',
  });
  return output.split('\0').slice(0, -1).sort();
}
