import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { parseShares, planShares, sharesParameter } from '../../src/vm/shares.ts';

describe('--share', () => {
  const parse = (...texts: string[]) => parseShares(texts, '/home/me');

  it('mounts a directory at the same path, or at another, read-only or not', () => {
    expect(parse('data', '/srv/a,rw', 'out:/out', '../b:/deep/er/,rw', 'c:/d,ro')).toEqual([
      { source: '/home/me/data', target: '/home/me/data', readonly: true },
      { source: '/srv/a', target: '/srv/a', readonly: false },
      { source: '/home/me/out', target: '/out', readonly: true },
      { source: '/home/b', target: '/deep/er', readonly: false },
      { source: '/home/me/c', target: '/d', readonly: true },
    ]);
  });

  it('takes colons and commas in names', () => {
    expect(parse('a:b,c', 'a, b:/x')).toEqual([
      { source: '/home/me/a:b,c', target: '/home/me/a:b,c', readonly: true },
      { source: '/home/me/a, b', target: '/x', readonly: true },
    ]);
  });

  it.each([
    [',rw', '--share: ",rw" names no directory'],
    ['a:/', '--share: a cannot be mounted at /'],
    ['a:/proc', '--share: a cannot be mounted at /proc'],
    ['a:/x/../rapido/results', '--share: a cannot be mounted at /rapido/results'],
  ])('rejects %s', (text, message) => {
    expect(() => parse(text)).toThrow(message);
  });

  it('rejects two directories at the same place', () => {
    expect(() => parse('a:/x', 'b:/x')).toThrow('--share: two directories are mounted at /x');
  });

  it('passes every name to init unchanged', () => {
    const odd = `/a b/100%/"q'\\$x*,:;ü\n`;
    const parameter = sharesParameter(
      planShares([
        { source: '/s', target: odd, readonly: false },
        { source: '/t', target: '/plain', readonly: true },
      ]),
    );
    expect(parameter).toMatch(/^rw:[\w./%+-]+,ro:\/plain$/);
    // As guest/init does.
    const decode = 'word=$' + '{1#*:}; printf %b "$' + '{word//%/\\\\x}"';
    const [first = ''] = (parameter ?? '').split(',');
    expect(execFileSync('bash', ['-c', decode, 'bash', first], { encoding: 'utf8' })).toBe(odd);
  });
});
