import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatCommandLine } from '../../src/sys/command-line.ts';

test.each([
  [['ls', '-l', '/tmp/a_b.c'], 'ls -l /tmp/a_b.c'],
  [['qemu', '-netdev', 'tap,id=net0,ifname=tap0'], 'qemu -netdev tap,id=net0,ifname=tap0'],
  [['dracut', '--add', ''], "dracut --add ''"],
  [['cat', 'two words'], "cat 'two words'"],
  [['echo', "it's $HOME"], `echo "it's \\$HOME"`],
  [['rm', '*', '~'], 'rm \\* \\~'],
])('shows %j as one would type it', (argv, line) => {
  expect(formatCommandLine(argv)).toBe(line);
});

test('a shell reads back the same arguments, whatever their content', () => {
  const argument = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'ab \'"\\$`!*?[]{}()<>|&;#~=%^\n\t,:-é') }),
    fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '')),
  );
  fc.assert(
    fc.property(fc.array(argument, { minLength: 1, maxLength: 8 }), (argv) => {
      const script = `printf '%s\\0' ${formatCommandLine(argv)}`;
      const { stdout } = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
      expect(stdout.split('\0').slice(0, -1)).toEqual(argv);
    }),
    { numRuns: 60 },
  );
});
