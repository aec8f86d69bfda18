import type { ChildProcess, StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { type DependsOn, errorCode, UserError } from '../errors.ts';
import { startTimer } from './awake-clock.ts';
import { formatCommandLine } from './command-line.ts';
import { type Environment, toolEnvironment } from './environment.ts';
import { explainSpawnError, spawnProcess, UTIL_LINUX_HINT } from './spawn.ts';
import { withUmask } from './umask.ts';

export interface ToolRun {
  cwd?: string;
  /**
   * What it has of the user's environment. 'listed' (the default): what `toolEnvironment` lets through, so that
   * nothing else changes what it does; 'inherited': all of it, for a command of the user's own; 'none'.
   */
  environment?: 'listed' | 'inherited' | 'none' | undefined;
  /** Names of variables of the user's that are let through besides where it is 'listed'. */
  passes?: readonly string[];
  /** Further variables. */
  env?: Environment;
  /** File mode creation mask; without it, that of the user. */
  umask?: number;
  /** Called with each line of the tool's stdout and stderr as it comes. */
  onLine?: (line: string) => void;
  /**
   * What is returned: both streams (the default), or stdout without what it complains of. With
   * `onLine`, only the last lines.
   */
  returns?: 'all' | 'stdout';
  /** Text for its stdin, which is empty otherwise. */
  input?: string;
  /** Milliseconds after which it and all that it has started are ended. */
  timeout?: number;
  /** Whether another commit may be without a failure of the tool itself. */
  dependsOn?: DependsOn;
  /** What the failure message says that the tool was doing. */
  purpose: string;
  /** Shown when the program does not exist. */
  installHint?: string;
}

/**
 * Runs a program to its end and returns its stdout and stderr: the lines of each in their order, and
 * the two interleaved about as they came, which two pipes cannot tell for sure.
 * The program is ended when rapido dies (Linux parent-death signal).
 * @throws UserError when it is missing, is killed, or exits with anything but 0.
 */
export async function runTool(argv: readonly [string, ...string[]], run: ToolRun): Promise<string> {
  // Loaded only now: a cut from cache starts no program, and should not pay for this.
  const { execa } = await import('execa');
  const [file, ...args] = withParentDeathSignal(argv, 'TERM');
  requireDescriptors(DESCRIPTORS);
  const start = () =>
    execa(file, args, {
      all: true,
      cwd: run.cwd ?? process.cwd(),
      env: { ...baseEnvironment(run), ...run.env },
      extendEnv: false,
      ...(run.input === undefined ? { stdin: 'ignore' as const } : { input: run.input }),
      // A group of its own can be ended as a whole.
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
  const heard: string[] = [];
  if (run.onLine !== undefined) {
    for await (const line of subprocess.iterable({ from: 'all' })) {
      run.onLine(line);
      heard.push(line);
      if (heard.length > 2 * LAST_LINES) heard.splice(0, LAST_LINES);
    }
  }
  const result = await subprocess;
  const said = run.onLine === undefined ? (result.all ?? '') : heard.join('\n');
  if (!result.failed) return (run.returns === 'stdout' ? result.stdout : said) ?? '';
  if (result.exitCode === undefined && result.signal === undefined) {
    const { message, hint } = explainSpawnError('setpriv', result.cause, UTIL_LINUX_HINT);
    throw new UserError(`${run.purpose}: ${message}`, {
      ...(hint !== undefined && { hint }),
    });
  }
  // What setpriv and shells exit with for a program that may not be executed, or does not exist.
  const missing = result.exitCode === 126 || result.exitCode === 127;
  const how = isLate
    ? `it took longer than ${(run.timeout ?? 0) / 1000} s`
    : missing
      ? 'it cannot be executed'
      : result.signal !== undefined
        ? `it was killed by ${result.signal}`
        : `it exited with status ${result.exitCode}`;
  // A program of the checkout may be there at another commit, one of this host will not.
  const isOwnFailure = missing ? argv[0].includes('/') : result.signal === undefined;
  throw new UserError(`${run.purpose}: ${argv[0]} failed: ${how}`, {
    problems: [`command: ${formatCommandLine(argv)}`, ...lastLines(said, 12)],
    ...(isOwnFailure && run.dependsOn !== undefined && { dependsOn: run.dependsOn }),
    ...(missing && run.installHint !== undefined ? { hint: run.installHint } : {}),
  });
}

function baseEnvironment({
  environment,
  passes,
}: Pick<ToolRun, 'environment' | 'passes'>): Environment {
  if (environment === 'none') return {};
  return environment === 'inherited' ? process.env : toolEnvironment(process.env, passes);
}

/** More than a process with three streams takes while it is started. */
const DESCRIPTORS = 12;

/** execa trips over a process that there are no file descriptors for. @throws a system error, EMFILE, before that */
function requireDescriptors(count: number): void {
  const descriptors: number[] = [];
  try {
    while (descriptors.length < count) descriptors.push(openSync('/dev/null', 'r'));
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor);
  }
}

/** How many lines are kept, at least, of a tool that is heard line by line: a build prints many. */
const LAST_LINES = 2000;

function endGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, 'SIGTERM');
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error;
  }
}

/** What `runTool` has running. */
const running = new Set<{ end: () => void; ended: Promise<void> }>();

/** Ends every program that `runTool` has running, and waits until they are gone. */
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
  /** What it gets when rapido dies; undefined: nothing. */
  deathSignal: DeathSignal | undefined;
  /** In a session of its own: a Ctrl-C at the terminal does not reach it. */
  detached: boolean;
}

/** Starts a program and leaves it to the caller to talk to it and to wait for its end. */
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

/** Prefixes util-linux's setpriv, so that the child gets the signal however rapido dies. */
function withParentDeathSignal(
  argv: readonly [string, ...string[]],
  signal: DeathSignal,
): [string, ...string[]] {
  return ['setpriv', '--pdeathsig', signal, '--', ...argv];
}
