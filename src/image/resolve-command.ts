import { readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { Conf } from '../conf/conf.ts';
import type { LoadedCut } from '../cut/load.ts';
import { parseShebang, SHEBANG_MAX } from '../elf/elf.ts';
import { errorCode } from '../errors.ts';
import { findProgram, programSearchPath, SYSTEM_DIRECTORIES } from '../host/programs.ts';
import { usesSections } from '../suites/fstests.ts';
import { formatCommandLine } from '../sys/command-line.ts';
import { isDirectory, isExecutableFile, isFile } from '../sys/stat.ts';
import { expandKeys, requireKeys } from './expand-keys.ts';
import { findNamedTests, type NamedTests } from './named-tests.ts';
import { type AutorunScript, COMMAND_DIRECTORY, type GuestCommand } from './overlay.ts';
import type { CommandRequest, CutExtras, Problem } from './resolve-request.ts';
import type { PlannedTree } from './walked-tree.ts';

export interface ResolvedCommand extends GuestCommand {
  /** A program of the host to take along if it is there, by name or absolute path. */
  program: string | undefined;
  /** Whether it is the cut's own test command. */
  isOwnTest: boolean;
  /** The tests that the user names, all of them; undefined: groups, or whatever there is. */
  tests: readonly string[] | undefined;
}

/** All that tells what `rapido run` is to run. */
export interface CommandContext {
  cut: LoadedCut;
  conf: Conf;
  run: { command: CommandRequest | undefined } | undefined;
  extras: Pick<CutExtras, 'install'>;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
}

/** What the image will hold beside programs. */
export interface ImageContents {
  /** Where the command will be started in the guest. */
  directory: string | undefined;
  trees: readonly PlannedTree[];
  /** Scripts that run before the command, and may make it. */
  autorun: readonly AutorunScript[];
}

/**
 * Finds what `rapido run` is to run: what the user says, else the cut's own test command.
 * @returns undefined for a cut whose autorun scripts are all there is
 */
export function resolveCommand(
  context: CommandContext,
  contents: ImageContents,
  problems: Problem[],
): ResolvedCommand | undefined {
  const { run, cut, cwd } = context;
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
  if (tests !== undefined) refuseUnknown(tests, given, context, problems);
  if (tests === undefined && !isOwnTest(command))
    return locateOther(given, context, contents, problems);
  const added = tests === undefined ? given : tests.words.map((word) => Buffer.from(word));
  const own = cut.cut.test?.command?.map((word) =>
    Buffer.from(requireKeys(word, 'test.command', context.conf, problems) ?? ''),
  );
  if (own !== undefined) {
    if (cut.cut.test?.output === 'fstests') refuseSections(own, given, problems);
    const located = locate([...own, ...added], contents, cwd);
    return { ...located, isOwnTest: true, tests: tests?.tests };
  }
  if (given.length > 0) {
    problems.push({ message: `${given[0]}: ${cut.name} has no command that takes options` });
  }
  return undefined;
}

/** Of a command that is not the cut's own. */
const OTHER = {
  ...{ program: undefined, script: undefined, isOwnTest: false, tests: undefined },
} as const;

/** Whether the user says nothing, or only options for the cut's own test command (`-- -g quick`). */
export function isOwnTest(command: CommandRequest | undefined): boolean {
  if (command === undefined) return true;
  return 'arguments' in command && command.arguments[0]?.toString().startsWith('-') === true;
}

/** The words as names of tests, for a suite whose tree is on this host. */
function findTests(
  given: readonly Buffer[],
  context: CommandContext,
  { directory, trees }: ImageContents,
): NamedTests | undefined {
  const { command, output } = context.cut.cut.test ?? {};
  const [host] = directory === undefined ? [] : toHostPaths(directory, trees);
  if (command === undefined || output === undefined || host === undefined) return undefined;
  const isProgram = (name: string): boolean => findOnHost(name, context) !== undefined;
  return findNamedTests(output, host, given.map(String), isProgram);
}

/** Words that a suite would pass over, or stumble on, after a whole boot. */
function refuseUnknown(
  { unknown }: NamedTests,
  given: readonly Buffer[],
  { cut: { name, cut } }: CommandContext,
  problems: Problem[],
): void {
  const [option] = unknown.filter((word) => word.startsWith('-'));
  if (option !== undefined && cut.test?.output === 'ltp') {
    const line = formatCommandLine([given.map(String).join(' ')]);
    problems.push({
      message: `${option}: a test with arguments of yours goes behind -c: -c ${line}`,
    });
    return;
  }
  for (const word of unknown) {
    problems.push({
      message:
        word === option
          ? `${word}: options of ${name} go before the names of tests`
          : `${word}: ${name} has no test of that name`,
    });
  }
}

/** rapido makes the configuration of xfstests, which has no sections. */
function refuseSections(
  own: readonly Buffer[],
  given: readonly Buffer[],
  problems: Problem[],
): void {
  if (own[0]?.toString() !== 'fstests-check') return;
  const option = usesSections(given.map(String));
  if (option === undefined) return;
  problems.push({
    message: `${option}: there are no sections in the configuration that rapido makes for xfstests; set MKFS_OPTIONS and MOUNT_OPTIONS for one run, such as MKFS_OPTIONS='-b size=1k' rapido run …`,
  });
}

/**
 * A path that is in one of the trees is meant as it stands. Another one that the host has is brought
 * along; a relative one is then called by its absolute path, which is where it will be.
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

/** A command of the user's, which must be somewhere: a boot would only end in "command not found". */
function locateOther(
  words: readonly Buffer[],
  context: CommandContext,
  contents: ImageContents,
  problems: Problem[],
): ResolvedCommand {
  const located = locate(words, contents, context.cwd);
  const name = located.words[0]?.toString() ?? '';
  // What is wrong with its trees may be why it is not there.
  if (problems.length === 0 && !mayBeThere(name, context, contents)) {
    problems.push(explainMissing(name, context.cwd));
  }
  return { ...OTHER, ...located };
}

function explainMissing(name: string, cwd: string): Problem {
  const onHost = resolve(cwd, name);
  if (name.includes('/') && isDirectory(onHost)) return { message: `${name}: it is a directory` };
  if (name.includes('/') && isFile(onHost)) {
    return { message: `${name}: ${onHost} is not executable` };
  }
  const message = `${name}: there is no such program, on this host or in the image`;
  return { message, program: basename(name) };
}

/** Where a VM has files of its own: mounted there, or made as it runs. */
const FILLED_IN_GUEST = /^\/(?:rapido|host|mnt|proc|sys|dev|run|tmp)\//;

/** Links that every image has; see overlay.ts. */
const POWER_OFF = ['shutdown', 'poweroff', 'halt', 'reboot'];

/** @returns false for a program that can be nowhere in the guest */
function mayBeThere(name: string, context: CommandContext, contents: ImageContents): boolean {
  const { cut, extras } = context;
  const { directory = '/root', trees, autorun } = contents;
  const isMentioned = (text: string): boolean =>
    autorun.some(({ content }) => content.includes(text));
  const isMade = (path: string): boolean =>
    path in (cut.cut.contents ?? {}) || isInTrees(path, trees);
  if (name === cut.cut.test?.command?.[0] || isMentioned(basename(name))) return true;
  if (findOnHost(name, context) !== undefined) return true;
  if (!name.includes('/')) {
    const isAdded = [...extras.install, ...POWER_OFF].some((path) => basename(path) === name);
    return isAdded || SYSTEM_DIRECTORIES.some((path) => isMade(join(path, name)));
  }
  const path = resolve(directory, name);
  const place = dirname(path);
  // Scripts name the directories that every image has, for other reasons.
  const mayBeFilled = place !== directory && !SYSTEM_DIRECTORIES.includes(place);
  return FILLED_IN_GUEST.test(path) || isMade(path) || (mayBeFilled && isMentioned(place));
}

function findOnHost(name: string, { cut, conf, env }: CommandContext): string | undefined {
  if (name.includes('/') && !name.startsWith('/')) return undefined;
  const first = (cut.cut.searchPath ?? []).flatMap((directory) => {
    const expansion = expandKeys(directory, conf);
    return expansion.unset === undefined ? [expansion.text] : [];
  });
  return findProgram(name, programSearchPath(env.PATH, first));
}

function isInTrees(path: string, trees: readonly PlannedTree[]): boolean {
  return toHostPaths(path, trees).some(isExecutableFile);
}

/** Where the host may have what trees bring to a path of the guest. */
function toHostPaths(path: string, trees: readonly PlannedTree[]): string[] {
  return trees
    .filter(({ target }) => path === target || path.startsWith(`${target}/`))
    .map(({ source, target }) => join(source, relative(target, path)));
}

function readScript(path: string, problems: Problem[]): ResolvedCommand | undefined {
  let content: Buffer;
  try {
    content = readFileSync(path);
  } catch (error) {
    problems.push({ message: `--file: ${path} cannot be read (${errorCode(error)})` });
    return undefined;
  }
  const script = { name: basename(path), content };
  const inGuest = join(COMMAND_DIRECTORY, script.name);
  const runsItself = parseShebang(content.subarray(0, SHEBANG_MAX)) !== undefined;
  const words = runsItself ? [inGuest] : ['bash', inGuest];
  return { ...OTHER, words: words.map((word) => Buffer.from(word)), script };
}
