import { basename, join } from 'node:path';
import type { OutputFormat } from '../cut/cut.ts';
import { isDirectory, isFile, listIfReachable, readTextIfReachable } from '../sys/stat.ts';

/** Words of a command line that name tests of a suite. */
export interface NamedTests {
  /** The arguments of the suite's test command that select these tests. */
  words: string[];
  /** Every test that they select, without duplicates. */
  tests: NamedTest[];
  /** Words that name no test. */
  unknown: string[];
}

/** A test that can run alone; or, for LTP, a file of runtest/, whose tests can only run together. */
export interface NamedTest {
  /** The arguments of the suite's test command that select it. */
  words: string[];
  /** Its names in the results, without devices and conditions. */
  names: string[];
}

/** The tests that one word selects. */
interface Named {
  words: string[];
  tests: NamedTest[];
}

/** The names of a suite's tests. */
interface Suite {
  find: (word: string) => Named | undefined;
  /** Whether a word that was not found can only have been meant as the name of a test. */
  looksLikeTest: (word: string) => boolean;
}

/**
 * Finds the tests of a suite that words name, in the suite's tree on this host.
 * @param directory host path of the suite
 * @param isProgram whether a program of that name exists: `nvme list` is a command, `nvme` alone names a group
 * of blktests
 * @returns undefined if the words are a command
 */
export function findNamedTests(
  format: OutputFormat,
  directory: string,
  words: readonly string[],
  isProgram: (name: string) => boolean,
): NamedTests | undefined {
  const [first] = words;
  if (first === undefined || first.startsWith('-')) return undefined;
  const suite = SUITES[format](directory);
  const found = words.map((word) => suite?.find(word));
  if (found[0] === undefined && suite?.looksLikeTest(first) !== true) return undefined;
  const unknown = words.filter((_, index) => found[index] === undefined);
  if (unknown.length > 0 && isProgram(first)) return undefined;
  return {
    words: found.flatMap((one) => one?.words ?? []),
    tests: withoutDuplicates(found.flatMap((one) => one?.tests ?? [])),
    unknown,
  };
}

function withoutDuplicates(tests: readonly NamedTest[]): NamedTest[] {
  return [...new Map(tests.map((test) => [test.words.join('\0'), test])).values()];
}

/** A test whose name on the command line is that in the results. */
function testNamed(name: string): NamedTest {
  return { words: [name], names: [name] };
}

/** How each suite names its tests. undefined: the directory does not contain the suite. */
const SUITES: Readonly<Record<OutputFormat, (directory: string) => Suite | undefined>> = {
  fstests: xfstestsIn,
  blktests: blktestsIn,
  ktap: kselftestIn,
  ltp: ltpIn,
};

/** Tests of xfstests: `generic/001`, or a pattern that `check` expands: `xfs/*`. */
function xfstestsIn(directory: string): Suite {
  const parse = (word: string): { group: string; name: string } | undefined => {
    const [, group, name] = /^(?:tests\/)?([\w-]+)\/([^/]+)$/.exec(word) ?? [];
    if (group === undefined || name === undefined) return undefined;
    return isDirectory(join(directory, 'tests', group)) ? { group, name } : undefined;
  };
  return {
    looksLikeTest: (word) => parse(word) !== undefined,
    find: (word) => {
      const parsed = parse(word);
      if (parsed === undefined) return undefined;
      const { group, name } = parsed;
      const pattern = globToRegExp(name);
      // `check` accepts the number alone for shared/032-with-a-name.
      const tests = listIfReachable(join(directory, 'tests', group))
        .filter((file) => /^\d{3,}(-[\w-]+)?$/.test(file))
        .filter((file) => pattern.test(file) || file.startsWith(`${name}-`))
        .map((file) => testNamed(`${group}/${file}`));
      return tests.length === 0 ? undefined : { words: [`${group}/${name}`], tests };
    },
  };
}

/** Converts a file name pattern of the shell: `*`, `?`, `[0-4]`. An invalid pattern matches nothing. */
function globToRegExp(glob: string): RegExp {
  const source = glob.replace(/\[[!^]?[^\]]+\]|[\s\S]/g, (part) => {
    if (part === '*') return '.*';
    if (part === '?') return '.';
    if (part.length > 1) return part.replace(/^\[!/, '[^').replaceAll('\\', '\\\\');
    return part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  });
  try {
    return new RegExp(`^${source}$`);
  } catch {
    return /^(?!)/;
  }
}

/** Tests of blktests: a group, `block`, or a test, `block/001`. */
function blktestsIn(directory: string): Suite {
  const testsOf = (group: string): string[] =>
    isFile(join(directory, 'tests', group, 'rc'))
      ? listIfReachable(join(directory, 'tests', group)).filter((file) => /^\d{3,}$/.test(file))
      : [];
  const parse = (word: string): string[] =>
    /^(?:tests\/)?([\w-]+)(?:\/([^/]+))?\/?$/.exec(word)?.slice(1) ?? [];
  return {
    looksLikeTest: (word) => {
      const [group, name] = parse(word);
      return group !== undefined && name !== undefined && testsOf(group).length > 0;
    },
    find: (word) => {
      const [group, name] = parse(word);
      if (group === undefined) return undefined;
      const tests = testsOf(group).filter((file) => name === undefined || file === name);
      const itself = name === undefined ? group : `${group}/${name}`;
      if (tests.length === 0) return undefined;
      return { words: [itself], tests: tests.map((file) => testNamed(`${group}/${file}`)) };
    },
  };
}

/** Tests of kselftest: a collection, `timers`, or a test, `timers:posix_timers` or, as in results, `timers/posix_timers`. */
function kselftestIn(directory: string): Suite | undefined {
  const list = readTextIfReachable(join(directory, 'kselftest-list.txt'));
  if (list === undefined) return undefined;
  const all = list.split('\n').flatMap((line) => {
    const [, collection, test] = /^([^:]+):(.+)$/.exec(line.trim()) ?? [];
    if (collection === undefined || test === undefined) return [];
    // The runner changes to the directory of the test and reports only its base name.
    return [{ collection, test, name: `${collection}/${basename(test)}` }];
  });
  const toNamed = ({ collection, test, name }: (typeof all)[number]): NamedTest => ({
    words: ['-t', `${collection}:${test}`],
    names: [name],
  });
  const isOf = (word: string): boolean =>
    all.some(
      ({ collection }) =>
        /^[:/]/.test(word.slice(collection.length)) && word.startsWith(collection),
    );
  return {
    looksLikeTest: isOf,
    find: (word) => {
      const members = all.filter(({ collection }) => collection === word);
      if (members.length > 0) {
        return { words: ['-c', word], tests: members.map(toNamed) };
      }
      const one =
        all.find(({ collection, test }) => word === `${collection}:${test}`) ??
        // A subtest is selected by its test.
        all.find(({ name }) => word === name || word.startsWith(`${name}/`));
      if (one === undefined) return undefined;
      const named = toNamed(one);
      return { words: named.words, tests: [named] };
    },
  };
}

/** Tests of LTP: a file of runtest/, `math`, or a test, `getpid01`. */
function ltpIn(directory: string): Suite | undefined {
  const runtest = join(directory, 'runtest');
  if (!isDirectory(runtest)) return undefined;
  const files = listIfReachable(runtest).filter((file) => file !== 'Makefile');
  const tagsIn = (file: string): string[] =>
    (readTextIfReachable(join(runtest, file)) ?? '')
      .split('\n')
      .flatMap((line) => /^\s*([^#\s]\S*)/.exec(line)?.[1] ?? []);
  let tags: Set<string> | undefined;
  return {
    looksLikeTest: () => false,
    find: (word) => {
      if (files.includes(word)) {
        const names = numberDuplicates(tagsIn(word));
        // A tag alone selects the first test of that name in all files, which may be another one.
        return { words: [word], tests: [{ words: [word], names }] };
      }
      tags ??= new Set(files.flatMap(tagsIn));
      return tags.has(word) ? { words: [word], tests: [testNamed(word)] } : undefined;
    },
  };
}

/** Numbers equal names as the results do: `abs01`, `abs01#2`. */
function numberDuplicates(tags: readonly string[]): string[] {
  const counts = new Map<string, number>();
  return tags.map((tag) => {
    const count = (counts.get(tag) ?? 0) + 1;
    counts.set(tag, count);
    return count === 1 ? tag : `${tag}#${count}`;
  });
}
