import { readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parseShebang, SHEBANG_MAX } from '../elf/elf.ts';
import { errorCode } from '../errors.ts';
import { isExecutableFile } from '../sys/stat.ts';
import { requireKeys } from './expand-keys.ts';
import { COMMAND_DIRECTORY, type GuestCommand } from './overlay.ts';
import type { CommandRequest, Problem, ResolveRequest } from './resolve-request.ts';
import type { PlannedTree } from './walked-tree.ts';

export interface ResolvedCommand extends GuestCommand {
  /** A program of the host to take along if it is there, by name or absolute path. */
  program: string | undefined;
}

/**
 * Finds what `rapido run` is to run: what the user says, else the cut's own test command.
 * @param directory where it will be started in the guest
 * @returns undefined for a cut whose autorun scripts are all there is
 */
export function resolveCommand(
  request: ResolveRequest,
  directory: string | undefined,
  trees: readonly PlannedTree[],
  problems: Problem[],
): ResolvedCommand | undefined {
  const { run, cut, conf, cwd } = request;
  if (run === undefined) return undefined;
  const { command } = run;
  if (command !== undefined && 'shell' in command) {
    const words = ['bash', '-c', command.shell, 'rapido'].map((word) => Buffer.from(word));
    return { words, program: undefined, script: undefined };
  }
  if (command !== undefined && 'script' in command) {
    return readScript(resolve(cwd, command.script), problems);
  }
  const given = command?.arguments ?? [];
  if (!isOwnTest(command)) return locate(given, { directory, trees, cwd });
  const own = cut.cut.test?.command?.map((word) =>
    Buffer.from(requireKeys(word, 'test.command', conf, problems) ?? ''),
  );
  if (own !== undefined) return locate([...own, ...given], { directory, trees, cwd });
  if (given.length > 0) {
    problems.push({ message: `${given[0]}: ${cut.name} has no command that takes options` });
  }
  return undefined;
}

/** Whether the cut's own test command runs: nothing else was said, or only options for it (`-- -g quick`). */
export function isOwnTest(command: CommandRequest | undefined): boolean {
  if (command === undefined) return true;
  return 'arguments' in command && command.arguments[0]?.toString().startsWith('-') === true;
}

interface GuestView {
  directory: string | undefined;
  trees: readonly PlannedTree[];
  cwd: string;
}

/**
 * A path that is in one of the trees is meant as it stands. Another one that the host has is brought
 * along; a relative one is then called by its absolute path, which is where it will be.
 */
function locate(words: readonly Buffer[], { directory, trees, cwd }: GuestView): ResolvedCommand {
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

function isInTrees(path: string, trees: readonly PlannedTree[]): boolean {
  return trees.some(
    ({ source, target }) =>
      path.startsWith(`${target}/`) && isExecutableFile(join(source, path.slice(target.length))),
  );
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
  return { words: words.map((word) => Buffer.from(word)), program: undefined, script };
}
