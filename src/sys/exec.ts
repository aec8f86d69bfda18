import type { ChildProcess, StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { type DependsOn, errorCode, UserError } from '../errors.ts';
import { startTimer } from './awake-clock.ts';
import { formatCommandLine } from './command-line.ts';
import { type Environment, toolEnvironment } from './environment.ts';
import { explainSpawnError, spawnProcess, UTIL_LINUX_HINT } from './spawn.ts';
import { isDirectory } from './stat.ts';
import { withUmask } from './umask.ts';

export interface ToolRun {
  cwd?: string;
  /**
   * Which part of the user's environment it gets. 'listed' (the default): the variables of `toolEnvironment`;
   * 'inherited': all variables, for a command of the user; 'none'.
   */
  environment?: 'listed' | 'inherited' | 'none' | undefined;
  /** Names of further variables that are passed if `environment` is 'listed'. */
  passes?: readonly string[];
  /** Further variables. */
  env?: Environment;
  /** File mode creation mask; default: that of the user. */
  umask?: number;
  /** Called with each line of the tool's stdout and stderr as it is printed. */
  onLine?: (line: string) => void;
  /**
   * Which output is returned: that of both streams (the default), or only stdout. With `onLine`, only the last
   * lines.
   */
  returns?: 'all' | 'stdout';
  /** Text for its stdin; default: empty. */
  input?: string;
  /** Milliseconds after which its process group is terminated. */
  timeout?: number;
  /** What a failure of the tool itself depends on. */
  dependsOn?: DependsOn;
  /** What the tool does, for the error message: "loading zram". */
  purpose: string;
  /** The hint if the program does not exist. */
  installHint?: string;
}

/**
 * Runs a program and waits until it has ended. If rapido dies, the program is terminated (parent-death signal).
 * @returns its stdout and stderr. The lines of each stream are in order; the interleaving of the two, which are
 * separate pipes, is approximate.
 * @throws UserError if the program is missing, is killed, or exits with a status other than 0
 */
export async function runTool(argv: readonly [string, ...string[]], run: ToolRun): Promise<string> {
  // Loaded on demand: a cut from the cache starts no program and saves the time.
  const { execa } = await import('execa');
  const [file, ...args] = withParentDeathSignal(argv, 'TERM');
  requireDescriptors(DESCRIPTORS);
  const start = () =>
    execa(file, args, {
      all: true,
      cwd: run.cwd ?? directoryToStartIn(),
      env: { ...baseEnvironment(run), ...run.env },
      extendEnv: false,
      ...(run.input === undefined ? { stdin: 'ignore' as const } : { input: run.input }),
      // A process group of its own can be terminated as a whole.
      detached: true,
      reject: false,
      maxBuffer: 64 * 1024 * 1024,
      buffer: run.onLine === undefined,
    });
  const subprocess = run.umask === undefined ? start() : withUmask(run.umask, start);
  const end = (): void => endGroup(subprocess.pid);
  const tool = {
    end,
    ended: once(subprocess, 'exit').then(
      () => {},
      () => {},
    ),
  };
  running.add(tool);
  tool.ended.finally(() => running.delete(tool));
  let isLate = false;
  if (run.timeout !== undefined) {
    const timer = startTimer(run.timeout, () => {
      isLate = true;
      end();
    });
    tool.ended.finally(timer.stop);
  }
  const tail: string[] = [];
  if (run.onLine !== undefined) {
    for await (const line of subprocess.iterable({ from: 'all' })) {
      run.onLine(line);
      tail.push(line);
      if (tail.length > 2 * LAST_LINES) tail.splice(0, LAST_LINES);
    }
  }
  const result = await subprocess;
  const output = run.onLine === undefined ? (result.all ?? '') : tail.join('\n');
  if (!result.failed) return (run.returns === 'stdout' ? result.stdout : output) ?? '';
  if (result.exitCode === undefined && result.signal === undefined) {
    const { message, hint } = explainSpawnError('setpriv', result.cause, UTIL_LINUX_HINT);
    throw new UserError(`${run.purpose}: ${message}`, {
      ...(hint !== undefined && { hint }),
    });
  }
  // Exit statuses of setpriv and of shells for a program that is not executable or does not exist.
  const missing = result.exitCode === 126 || result.exitCode === 127;
  const how = isLate
    ? `took longer than ${(run.timeout ?? 0) / 1000} s`
    : missing
      ? 'could not be executed'
      : result.signal !== undefined
        ? `was killed by ${result.signal}`
        : `exited with status ${result.exitCode}`;
  // Another commit may have a missing program if it is in the checkout, but not if it belongs to the host.
  const isOwnFailure = missing ? argv[0].includes('/') : result.signal === undefined;
  throw new UserError(`${run.purpose} failed: ${argv[0]} ${how}`, {
    problems: [`command: ${formatCommandLine(argv)}`, ...lastLines(output, 12)],
    ...(isOwnFailure && run.dependsOn !== undefined && { dependsOn: run.dependsOn }),
    ...(missing && run.installHint !== undefined ? { hint: run.installHint } : {}),
  });
}

/**
 * The current directory; the root directory if this user may not enter it, as after `sudo -u USER` in a private
 * directory: a program cannot be started there.
 */
function directoryToStartIn(): string {
  const current = process.cwd();
  return isDirectory(`${current}/.`) ? current : '/';
}

function baseEnvironment({
  environment,
  passes,
}: Pick<ToolRun, 'environment' | 'passes'>): Environment {
  if (environment === 'none') return {};
  return environment === 'inherited' ? process.env : toolEnvironment(process.env, passes);
}

/** More than are used while a process with three streams is started. */
const DESCRIPTORS = 12;

/** execa does not handle a lack of file descriptors. @throws a system error, EMFILE */
function requireDescriptors(count: number): void {
  const descriptors: number[] = [];
  try {
    while (descriptors.length < count) descriptors.push(openSync('/dev/null', 'r'));
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor);
  }
}

/** The least number of lines kept of a tool with `onLine`: a build prints many. */
const LAST_LINES = 2000;

function endGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, 'SIGTERM');
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error;
  }
}

/** The programs that `runTool` is running. */
const running = new Set<{ end: () => void; ended: Promise<void> }>();

/** Terminates all programs that `runTool` is running, and waits until they have ended. */
export async function endTools(): Promise<void> {
  const tools = [...running];
  for (const tool of tools) tool.end();
  await Promise.all(tools.map(({ ended }) => ended));
}

function lastLines(text: string, count: number): string[] {
  return text.split('\n').filter(Boolean).slice(-count);
}

export interface ToolStart {
  stdio: StdioOptions;
  /** As for `runTool`. */
  environment?: ToolRun['environment'];
  /** Further variables. */
  env?: Environment;
  /** The signal that it gets when rapido dies; undefined: none. */
  deathSignal: DeathSignal | undefined;
  /** Whether it has a session of its own, so that Ctrl-C on the terminal does not reach it. */
  detached: boolean;
}

/** Starts a program. The caller handles its streams and waits for its end. */
export function startTool(
  argv: readonly [string, ...string[]],
  { stdio, environment, env, deathSignal, detached }: ToolStart,
): ChildProcess {
  const [file, ...args] =
    deathSignal === undefined ? argv : withParentDeathSignal(argv, deathSignal);
  return spawnProcess(file, args, {
    stdio,
    detached,
    env: { ...baseEnvironment({ environment }), ...env },
  });
}

type DeathSignal = 'TERM' | 'KILL';

/** Prefixes util-linux's setpriv, so that the child gets the signal even if rapido is killed. */
function withParentDeathSignal(
  argv: readonly [string, ...string[]],
  signal: DeathSignal,
): [string, ...string[]] {
  return ['setpriv', '--pdeathsig', signal, '--', ...argv];
}
