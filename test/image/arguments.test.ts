import { describe, expect, it } from 'vitest';
import { splitInclude } from '../../src/image/resolve-files.ts';
import { canDracutInstall, dracutCommandLine, joinUpTo } from '../../src/image/userspace-layer.ts';

describe('--include SRC[:DST]', () => {
  it.each([
    ['data', '/here/data', '/here/data'],
    ['/abs/data', '/abs/data', '/abs/data'],
    ['data:/data', '/here/data', '/data'],
    ['./notes.txt:/root/', '/here/notes.txt', '/root/notes.txt'],
    ['with:colon', '/here/with:colon', '/here/with:colon'],
    ['a:b:/c', '/here/a:b', '/c'],
    ['../up:/up', '/up', '/up'],
  ])('%s', (text, source, target) => {
    expect(splitInclude(text, '/here')).toEqual({ source, target });
  });
});

describe('the dracut command line', () => {
  it('contains exactly what the plan says, and nothing of the host', () => {
    const argv = dracutCommandLine(
      {
        dracut: '/usr/bin/dracut',
        local: false,
        modules: ['bash', 'base'],
        brought: [],
        install: ['/bin/cat', '/bin/ls'],
        extraArguments: ['--debug'],
        environment: {},
      },
      { temporary: '/s/tmp', confDirectory: 'conf', log: '/s/log', output: '/s/out' },
    );
    expect(argv.join(' ')).toMatchInlineSnapshot(
      `"/usr/bin/dracut --force --no-kernel --no-hostonly --no-hostonly-cmdline --no-compress --no-early-microcode --nostrip --nohardlink --conf /dev/null --confdir conf --tmpdir /s/tmp --loginstall /s/log --stdlog 4 --modules bash base --install /bin/cat /bin/ls --debug /s/out"`,
    );
  });

  it('splits a list that is too long for one argument', () => {
    expect(joinUpTo(['aa', 'bb', 'cc', 'dd'], 5)).toEqual(['aa bb', 'cc dd']);
    expect(joinUpTo(['too-long-alone', 'b'], 5)).toEqual(['too-long-alone', 'b']);
    expect(joinUpTo([], 5)).toEqual([]);
  });

  it.each(['/a b', '/a*', '/a?', '/a[1]', '/ä', '/a\nb', "/a'b"])(
    'does not contain %j, which dracut would split',
    (path) => expect(canDracutInstall(path)).toBe(false),
  );
});
