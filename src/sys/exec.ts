import { UserError } from '../errors.ts';
import { formatCommandLine } from './command-line.ts';

export interface ToolRun {
  cwd?: string;
  env?: Record<string, string>;
  /** Called with each line of the tool's stdout and stderr as it comes. */
  onLine?: (line: string) => void;
  /** What the failure message says that the tool was doing. */
  purpose: string;
  /** Shown when the program does not exist. */
  installHint?: string;
}

/**
 * Runs a program to its end and returns its stdout and stderr, interleaved as they came.
 * The program is ended when rapido dies (Linux parent-death signal).
 * @throws UserError when it is missing, is killed, or exits with anything but 0.
 */
export async function runTool(argv: readonly [string, ...string[]], run: ToolRun): Promise<string> {
  // Loaded only now: a cut from cache starts no program, and should not pay for this.
  const { execa } = await import('execa');
  const [file, ...args] = withParentDeathSignal(argv);
  const subprocess = execa(file, args, {
    all: true,
    cwd: run.cwd ?? process.cwd(),
    env: { LC_ALL: 'C.UTF-8', ...run.env },
    stdin: 'ignore',
    reject: false,
    maxBuffer: 64 * 1024 * 1024,
  });
  if (run.onLine !== undefined) {
    for await (const line of subprocess.iterable({ from: 'all' })) run.onLine(line);
  }
  const result = await subprocess;
  if (!result.failed) return result.all ?? '';
  const missing = result.code === 'ENOENT' || result.exitCode === 127;
  const how = missing
    ? 'it cannot be executed'
    : result.signal !== undefined
      ? `it was killed by ${result.signal}`
      : `it exited with status ${result.exitCode}`;
  throw new UserError(`${run.purpose}: ${argv[0]} failed: ${how}`, {
    problems: [`command: ${formatCommandLine(argv)}`, ...lastLines(result.all ?? '', 12)],
    ...(missing && run.installHint !== undefined ? { hint: run.installHint } : {}),
  });
}

function lastLines(text: string, count: number): string[] {
  return text.split('\n').filter(Boolean).slice(-count);
}

/** Prefixes util-linux's setpriv, so that the child gets SIGTERM when rapido dies, however it dies. */
export function withParentDeathSignal(
  argv: readonly [string, ...string[]],
  signal: 'TERM' | 'KILL' = 'TERM',
): [string, ...string[]] {
  return ['setpriv', '--pdeathsig', signal, '--', ...argv];
}
