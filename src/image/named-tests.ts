import { basename, join } from 'node:path';
import type { OutputFormat } from '../cut/cut.ts';
import { isDirectory, isFile, listIfReachable, readTextIfReachable } from '../sys/stat.ts';

/** Words of a command line that name tests of a suite. */
export interface NamedTests {
  /** The same for the suite's own command. */
  words: string[];
  /** Every test that they stand for, named as results are, but for devices and conditions. */
  tests: string[];
  /** Words that name no test. */
  unknown: string[];
}

/** What one word stands for. */
interface Named {
  words: string[];
  tests: string[];
}

/** What a suite knows of its tests. */
interface Suite {
  find: (word: string) => Named | undefined;
  /** Whether a word that was not found can be meant for a test only. */
  looksSo: (word: string) => boolean;
}

/**
 * Tells whether words name tests of a suite, by what its tree on this host holds.
 * @param directory the host's directory of the suite
 * @param isProgram whether there is a program of that name: `nvme list` is one, `nvme` alone names a group
 * of blktests
 * @returns undefined where they are a command
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
  if (found[0] === undefined && suite?.looksSo(first) !== true) return undefined;
  const unknown = words.filter((_, index) => found[index] === undefined);
  if (unknown.length > 0 && isProgram(first)) return undefined;
  return {
    words: found.flatMap((one) => one?.words ?? []),
    tests: [...new Set(found.flatMap((one) => one?.tests ?? []))],
    unknown,
  };
}

/** How each suite names its tests. undefined: the directory is not one of the suite. */
const SUITES: Readonly<Record<OutputFormat, (directory: string) => Suite | undefined>> = {
  fstests: xfstestsIn,
  blktests: blktestsIn,
  ktap: kselftestIn,
  ltp: ltpIn,
};

/** `generic/001`, or a pattern, which `check` expands: `xfs/*`. */
function xfstestsIn(directory: string): Suite {
  const parse = (word: string): { group: string; name: string } | undefined => {
    const [, group, name] = /^(?:tests\/)?([\w-]+)\/([^/]+)$/.exec(word) ?? [];
    if (group === undefined || name === undefined) return undefined;
    return isDirectory(join(directory, 'tests', group)) ? { group, name } : undefined;
  };
  return {
    looksSo: (word) => parse(word) !== undefined,
    find: (word) => {
      const parsed = parse(word);
      if (parsed === undefined) return undefined;
      const { group, name } = parsed;
      const pattern = globToRegExp(name);
      // `check` also knows shared/032-with-a-name by its number alone.
      const tests = listIfReachable(join(directory, 'tests', group))
        .filter((file) => /^\d{3,}(-[\w-]+)?$/.test(file))
        .filter((file) => pattern.test(file) || file.startsWith(`${name}-`))
        .map((file) => `${group}/${file}`);
      return tests.length === 0 ? undefined : { words: [`${group}/${name}`], tests };
    },
  };
}

/** A file name pattern of the shell: `*`, `?`, `[0-4]`. One that is wrong matches nothing. */
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

/** `block`, `block/001` */
function blktestsIn(directory: string): Suite {
  const testsOf = (group: string): string[] =>
    isFile(join(directory, 'tests', group, 'rc'))
      ? listIfReachable(join(directory, 'tests', group)).filter((file) => /^\d{3,}$/.test(file))
      : [];
  const parse = (word: string): string[] =>
    /^(?:tests\/)?([\w-]+)(?:\/([^/]+))?\/?$/.exec(word)?.slice(1) ?? [];
  return {
    looksSo: (word) => {
      const [group, name] = parse(word);
      return group !== undefined && name !== undefined && testsOf(group).length > 0;
    },
    find: (word) => {
      const [group, name] = parse(word);
      if (group === undefined) return undefined;
      const tests = testsOf(group).filter((file) => name === undefined || file === name);
      const itself = name === undefined ? group : `${group}/${name}`;
      if (tests.length === 0) return undefined;
      return { words: [itself], tests: tests.map((file) => `${group}/${file}`) };
    },
  };
}

/** A collection, `timers`, or a test of one: `timers:posix_timers`, or as results have it, with a `/`. */
function kselftestIn(directory: string): Suite | undefined {
  const list = readTextIfReachable(join(directory, 'kselftest-list.txt'));
  if (list === undefined) return undefined;
  const all = list.split('\n').flatMap((line) => {
    const [, collection, test] = /^([^:]+):(.+)$/.exec(line.trim()) ?? [];
    if (collection === undefined || test === undefined) return [];
    // The runner goes to where the test is.
    return [{ collection, test, name: `${collection}/${basename(test)}` }];
  });
  const isOf = (word: string): boolean =>
    all.some(
      ({ collection }) =>
        /^[:/]/.test(word.slice(collection.length)) && word.startsWith(collection),
    );
  return {
    looksSo: isOf,
    find: (word) => {
      const members = all.filter(({ collection }) => collection === word);
      if (members.length > 0) {
        return { words: ['-c', word], tests: members.map(({ name }) => name) };
      }
      const one =
        all.find(({ collection, test }) => word === `${collection}:${test}`) ??
        // What is nested in a test is run with it.
        all.find(({ name }) => word === name || word.startsWith(`${name}/`));
      if (one === undefined) return undefined;
      return { words: ['-t', `${one.collection}:${one.test}`], tests: [one.name] };
    },
  };
}

/** A file of runtest/, `math`, or a test of one: `getpid01`. */
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
    looksSo: () => false,
    find: (word) => {
      if (files.includes(word)) {
        return { words: [word], tests: numberEqual(tagsIn(word)) };
      }
      tags ??= new Set(files.flatMap(tagsIn));
      return tags.has(word) ? { words: [word], tests: [word] } : undefined;
    },
  };
}

/** As results have them: `abs01`, `abs01#2`. */
function numberEqual(tags: readonly string[]): string[] {
  const counts = new Map<string, number>();
  return tags.map((tag) => {
    const count = (counts.get(tag) ?? 0) + 1;
    counts.set(tag, count);
    return count === 1 ? tag : `${tag}#${count}`;
  });
}
