import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { errorCode, UserError } from '../errors.ts';
import { startTimer } from './awake-clock.ts';
import { formatCommandLine } from './command-line.ts';

export interface ToolRun {
  cwd?: string;
  env?: Record<string, string>;
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
  const subprocess = execa(file, args, {
    all: true,
    cwd: run.cwd ?? process.cwd(),
    env: { LC_ALL: 'C.UTF-8', ...run.env },
    ...(run.input === undefined ? { stdin: 'ignore' as const } : { input: run.input }),
    // A group of its own can be ended as a whole.
    detached: true,
    reject: false,
    maxBuffer: 64 * 1024 * 1024,
    buffer: run.onLine === undefined,
  });
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
    throw new UserError(`${run.purpose}: setpriv cannot be executed`, {
      problems: [`command: ${formatCommandLine([file, ...args])}`, result.originalMessage ?? ''],
      hint: 'install util-linux, or run `rapido doctor`',
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
  throw new UserError(`${run.purpose}: ${argv[0]} failed: ${how}`, {
    problems: [`command: ${formatCommandLine(argv)}`, ...lastLines(said, 12)],
    ...(missing && run.installHint !== undefined ? { hint: run.installHint } : {}),
  });
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
  /** Besides what rapido itself has. */
  env?: Record<string, string>;
  /** What it gets when rapido dies; undefined: nothing. */
  deathSignal: DeathSignal | undefined;
  /** In a session of its own: a Ctrl-C at the terminal does not reach it. */
  detached: boolean;
}

/** Starts a program and leaves it to the caller to talk to it and to wait for its end. */
export function startTool(
  argv: readonly [string, ...string[]],
  { stdio, env, deathSignal, detached }: ToolStart,
): ChildProcess {
  const [file, ...args] =
    deathSignal === undefined ? argv : withParentDeathSignal(argv, deathSignal);
  return spawn(file, args, { stdio, detached, env: { ...process.env, ...env } });
}

type DeathSignal = 'TERM' | 'KILL';

/** Prefixes util-linux's setpriv, so that the child gets the signal however rapido dies. */
function withParentDeathSignal(
  argv: readonly [string, ...string[]],
  signal: DeathSignal,
): [string, ...string[]] {
  return ['setpriv', '--pdeathsig', signal, '--', ...argv];
}
