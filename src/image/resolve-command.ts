import { readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { describeReadError } from '../errors.ts';
import { parseShebang, SHEBANG_MAX } from '../formats/elf/elf.ts';
import { usesSections } from '../formats/suites/fstests.ts';
import { formatCommandLine } from '../sys/command-line.ts';
import { isExecutableFile } from '../sys/stat.ts';
import {
  type CommandContext,
  findOnHost,
  type ImageContents,
  isInTrees,
  toHostPaths,
} from './command-context.ts';
import { requireKeys } from './expand-keys.ts';
import { findIncompleteProgram } from './incomplete-program.ts';
import { findMissingProgram } from './missing-program.ts';
import { findNamedTests, type NamedTest, type NamedTests } from './named-tests.ts';
import { COMMAND_DIRECTORY, type GuestCommand } from './overlay.ts';
import { type CommandRequest, dependsOnCheckout, type Problem } from './resolve-request.ts';
import { digestTests, type Shard, splitTests } from './shard.ts';

export interface ResolvedCommand extends GuestCommand {
  /** Name or absolute path of a program that is added to the image if the host has it. */
  program: string | undefined;
  /** Whether it is the cut's own test command. */
  isOwnTest: boolean;
  /** All tests that the user named; undefined if the user named none, or selects tests by options. */
  tests: readonly string[] | undefined;
  /** Identifies the list of the tests of all shards; undefined: the run is not split. */
  list: string | undefined;
}

/**
 * Finds the command of `rapido run`: the user's, or by default the cut's own test command.
 * @returns undefined for a cut that has only autorun scripts
 */
export function resolveCommand(
  context: CommandContext,
  contents: ImageContents,
  problems: Problem[],
): ResolvedCommand | undefined {
  const { run, cwd } = context;
  if (run === undefined) return undefined;
  const { command } = run;
  if (command !== undefined && 'shell' in command) {
    const words = ['bash', '-c', command.shell, 'rapido'].map((word) => Buffer.from(word));
    return { words, ...OTHER };
  }
  if (command !== undefined && 'script' in command) {
    return readScript(resolve(cwd, command.script), problems);
  }
  const given = command?.arguments ?? [];
  const tests = findTests(given, context, contents);
  if (tests !== undefined) {
    refuseUnknown(tests, given, context, problems);
    const share = run.shard === undefined ? tests : takeShare(tests.tests, run.shard, problems);
    const words = share.words.map((word) => Buffer.from(word));
    const own = locateOwn(words, context, contents, problems);
    const list = run.shard && digestTests(tests.tests);
    return own && { ...own, tests: share.tests.flatMap(({ names }) => names), list };
  }
  if (run.shard !== undefined) problems.push(explainShard(context));
  if (!isOwnTest(command)) return locateOther(given, context, contents, problems);
  refuseSections(given, context, problems);
  return locateOwn(given, context, contents, problems);
}

/** The tests of one shard, and the words that select them. */
function takeShare(
  tests: readonly NamedTest[],
  shard: Shard,
  problems: Problem[],
): Pick<NamedTests, 'words' | 'tests'> {
  const share = splitTests(tests, shard)[shard.index - 1] ?? [];
  if (share.length === 0 && tests.length > 0) {
    const { index, count } = shard;
    problems.push({ message: `--shard ${index}/${count}: there are only ${tests.length} tests` });
  }
  return { words: share.flatMap(({ words }) => words), tests: share };
}

/** Only tests that are known before the VM starts can be split. */
function explainShard({ cut }: CommandContext): Problem {
  const isSuite = cut.cut.test?.output !== undefined;
  return {
    message: isSuite
      ? `--shard: name the tests or patterns that are to be split, such as 'generic/*' of xfstests; options such as -g select tests only in the VM`
      : `--shard: ${cut.name} is not a test suite whose tests rapido knows`,
  };
}

/** The cut's own test command, with additional arguments. */
function locateOwn(
  words: readonly Buffer[],
  { cut, conf, cwd }: CommandContext,
  contents: ImageContents,
  problems: Problem[],
): ResolvedCommand | undefined {
  const own = cut.cut.test?.command?.map((word) =>
    Buffer.from(requireKeys(word, 'test.command', conf, problems) ?? ''),
  );
  if (own !== undefined) {
    return {
      ...locate([...own, ...words], contents, cwd),
      isOwnTest: true,
      tests: undefined,
      list: undefined,
    };
  }
  if (words.length > 0) {
    problems.push({ message: `${words[0]}: ${cut.name} has no test command to pass options to` });
  }
  return undefined;
}

/** The fields of a command that is not the cut's own. */
const OTHER = {
  program: undefined,
  script: undefined,
  isOwnTest: false,
  tests: undefined,
  list: undefined,
} as const;

/** Whether the user gives no command, or only options for the cut's own test command (`-- -g quick`). */
export function isOwnTest(command: CommandRequest | undefined): boolean {
  if (command === undefined) return true;
  return 'arguments' in command && command.arguments[0]?.toString().startsWith('-') === true;
}

/** Interprets the words as names of tests, for a suite whose tree is on this host. */
function findTests(
  given: readonly Buffer[],
  context: CommandContext,
  { directory, trees }: ImageContents,
): (NamedTests & { tree: string }) | undefined {
  const { command, output } = context.cut.cut.test ?? {};
  const [host] = directory === undefined ? [] : toHostPaths(directory, trees);
  if (command === undefined || output === undefined || host === undefined) return undefined;
  const isProgram = (name: string): boolean => findOnHost(name, context) !== undefined;
  const found = findNamedTests(output, host, given.map(String), isProgram);
  return found && { ...found, tree: host };
}

/** Rejects words that the suite would ignore or reject, but only after the boot. */
function refuseUnknown(
  { unknown, tree }: NamedTests & { tree: string },
  given: readonly Buffer[],
  context: CommandContext,
  problems: Problem[],
): void {
  const { name, cut } = context.cut;
  const [option] = unknown.filter((word) => word.startsWith('-'));
  if (option !== undefined && cut.test?.output === 'ltp') {
    const line = formatCommandLine([given.map(String).join(' ')]);
    problems.push({
      message: `${option}: to run a test with your own arguments, use -c: -c ${line}`,
    });
    return;
  }
  for (const word of unknown) {
    problems.push({
      message:
        word === option
          ? `${word}: options must precede test names`
          : `${word}: no such test in ${name}`,
      ...(word !== option && { dependsOn: dependsOnCheckout(tree, context) }),
    });
  }
}

/** rapido generates the configuration of xfstests, which has no sections. */
function refuseSections(
  given: readonly Buffer[],
  { cut }: CommandContext,
  problems: Problem[],
): void {
  const option = usesSections(given.map(String));
  if (option === undefined || cut.cut.test?.command?.[0] !== 'fstests-check') return;
  problems.push({
    message: `${option}: the xfstests configuration that rapido generates has no sections; set MKFS_OPTIONS and MOUNT_OPTIONS for one run, such as MKFS_OPTIONS='-b size=1k' rapido run …`,
  });
}

/**
 * A path inside one of the trees is used unchanged. Any other program of the host is added to the image. The guest
 * calls it by its absolute path, where it is in the image.
 */
function locate(
  words: readonly Buffer[],
  { directory, trees }: ImageContents,
  cwd: string,
): GuestCommand & { program: string | undefined } {
  const name = words[0]?.toString() ?? '';
  if (!name.includes('/')) return { words, program: name, script: undefined };
  const inGuest = resolve(directory ?? '/root', name);
  if (isInTrees(inGuest, trees)) return { words, program: undefined, script: undefined };
  const onHost = resolve(cwd, name);
  if (name.startsWith('/') || !isExecutableFile(onHost)) {
    return { words, program: name.startsWith('/') ? name : undefined, script: undefined };
  }
  return {
    words: [Buffer.from(onHost), ...words.slice(1)],
    program: onHost,
    script: undefined,
  };
}

/** The user's own command. */
function locateOther(
  words: readonly Buffer[],
  context: CommandContext,
  contents: ImageContents,
  problems: Problem[],
): ResolvedCommand {
  const located = locate(words, contents, context.cwd);
  const name = String(located.words[0]);
  const missing =
    findMissingProgram(name, context, contents) ?? findIncompleteProgram(name, context, contents);
  // A problem with the trees may be the reason why it is missing.
  if (problems.length === 0 && missing !== undefined) problems.push(missing);
  return { ...OTHER, ...located };
}

function readScript(path: string, problems: Problem[]): ResolvedCommand | undefined {
  let content: Buffer;
  try {
    content = readFileSync(path);
  } catch (error) {
    problems.push({ message: `-f: ${describeReadError(path, error)}` });
    return undefined;
  }
  const script = { name: basename(path), content };
  const inGuest = join(COMMAND_DIRECTORY, script.name);
  const runsItself = parseShebang(content.subarray(0, SHEBANG_MAX)) !== undefined;
  const words = runsItself ? [inGuest] : ['bash', inGuest];
  return { ...OTHER, words: words.map((word) => Buffer.from(word)), script };
}
