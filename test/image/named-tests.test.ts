import { describe, expect, test } from 'vitest';
import type { OutputFormat } from '../../src/cut/cut.ts';
import { findNamedTests } from '../../src/image/named-tests.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';

/** The meaning of words, in a tree with these files. */
function inTree(format: OutputFormat, files: Record<string, string>, programs: string[] = []) {
  return (...words: string[]) => {
    const tree = makeTemporaryDirectory();
    writeFiles(tree, files);
    const named = findNamedTests(format, tree, words, (name) => programs.includes(name));
    return named && { ...named, tests: named.tests.flatMap(({ names }) => names) };
  };
}

const found = (words: string[], tests: string[], unknown: string[] = []) => ({
  words,
  tests,
  unknown,
});

describe('xfstests', () => {
  const find = inTree('fstests', {
    'tests/generic/001': '',
    'tests/generic/001.out': '',
    'tests/generic/002': '',
    'tests/generic/group.list': '',
    'tests/shared/032-with-a-name': '',
    'ltp/fsx': '',
  });

  test('recognizes a test by its name, as tab completion gives it, and by its number alone', () => {
    expect(find('generic/001')).toEqual(found(['generic/001'], ['generic/001']));
    expect(find('tests/generic/001')).toEqual(found(['generic/001'], ['generic/001']));
    expect(find('shared/032')).toEqual(found(['shared/032'], ['shared/032-with-a-name']));
  });

  test('leaves patterns to check, and knows what they match', () => {
    const both = ['generic/001', 'generic/002'];
    expect(find('generic/*')).toEqual(found(['generic/*'], both));
    expect(find('generic/00?', 'generic/00[!1]')).toEqual(
      found(['generic/00?', 'generic/00[!1]'], both),
    );
    expect(find('generic/[z-a]')).toEqual(found([], [], ['generic/[z-a]']));
  });

  test('reports what is not a test of a directory that has some', () => {
    expect(find('generic/003', 'generic/001')).toEqual(
      found(['generic/001'], ['generic/001'], ['generic/003']),
    );
    expect(find('generic/001.out')?.unknown).toEqual(['generic/001.out']);
  });

  test.each(['./check', 'ls', 'ltp/fsx', '/bin/ls', 'src/godown', '-g'])(
    '%s is a command or an option',
    (word) => expect(find(word, 'generic/001')).toBeUndefined(),
  );
});

describe('recognizes a test, and a group with all its tests', () => {
  const find = inTree(
    'blktests',
    {
      'tests/block/rc': '',
      'tests/block/001': '',
      'tests/block/001.out': '',
      'tests/nvme/rc': '',
      'tests/nvme/002': '',
      'tests/nvme/003': '',
    },
    ['nvme'],
  );

  test('knows a test, and a group with all that are in it', () => {
    expect(find('block/001', 'nvme')).toEqual(
      found(['block/001', 'nvme'], ['block/001', 'nvme/002', 'nvme/003']),
    );
  });

  test('treats a group as a program if another word is no test', () => {
    expect(find('nvme', 'list')).toBeUndefined();
    expect(find('block', 'list')?.unknown).toEqual(['list']);
    expect(find('block/999')?.unknown).toEqual(['block/999']);
  });
});

describe('kselftest', () => {
  const list = 'size:get_size\ntimers:posix_timers\nnet/mptcp:./mptcp_join.sh\n';
  const find = inTree('ktap', { 'kselftest-list.txt': list });

  test('recognizes a collection, and a test as its runner and as results name it', () => {
    expect(find('size')).toEqual(found(['-c', 'size'], ['size/get_size']));
    expect(find('timers:posix_timers')).toEqual(
      found(['-t', 'timers:posix_timers'], ['timers/posix_timers']),
    );
    expect(find('timers/posix_timers/one.of.its.own')).toEqual(
      found(['-t', 'timers:posix_timers'], ['timers/posix_timers']),
    );
    expect(find('net/mptcp/mptcp_join.sh')).toEqual(
      found(['-t', 'net/mptcp:./mptcp_join.sh'], ['net/mptcp/mptcp_join.sh']),
    );
  });

  test('reports what its list does not contain', () => {
    expect(find('timers:nanosleep')?.unknown).toEqual(['timers:nanosleep']);
    expect(find('./run_kselftest.sh', '-l')).toBeUndefined();
  });

  test('does not apply to every tree with KTAP', () => {
    expect(inTree('ktap', { size: '' })('size')).toBeUndefined();
  });
});

describe('the Linux Test Project', () => {
  const find = inTree(
    'ltp',
    {
      'runtest/math':
        '#DESCRIPTION: math\n\nabs01 abs01\nfloat_bessel float_bessel -v\nabs01 abs01 2\n',
      'runtest/net': 'netstat netstat01.sh\n',
      'runtest/Makefile': 'all: x\n',
    },
    ['netstat'],
  );

  test('recognizes a test of a runtest file, and such a file', () => {
    expect(find('float_bessel')).toEqual(found(['float_bessel'], ['float_bessel']));
    expect(find('math')).toEqual(found(['math'], ['abs01', 'float_bessel', 'abs01#2']));
  });

  test('treats a test as a program of that name if another word is no test', () => {
    expect(find('netstat')).toEqual(found(['netstat'], ['netstat']));
    expect(find('netstat', '-a')).toBeUndefined();
    expect(find('abs01', '-i', '5')?.unknown).toEqual(['-i', '5']);
  });

  test.each(['Makefile', 'all:', '#DESCRIPTION:'])('%s is not a test', (word) =>
    expect(find(word)).toBeUndefined(),
  );
});
