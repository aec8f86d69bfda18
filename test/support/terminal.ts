import { execFileSync, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { quoteForShell } from '../../src/image/overlay.ts';
import { RAPIDO, type Workspace } from './workspace.ts';

/** A terminal for a test, made by script(1), with a program in it. */
export interface Terminal {
  /** Everything that it has shown so far, as text. */
  shown: () => string;
  /** The same unchanged, with carriage returns and control sequences. */
  shownRaw: () => string;
  type: (text: string) => void;
  /** Changes its size; the program receives SIGWINCH. */
  resize: (rows: number, columns: number) => void;
  /** Waits until the output since the last wait matches. @returns the match */
  waitFor: (pattern: RegExp, timeoutMs?: number) => Promise<RegExpExecArray>;
  /** Exit status of the program. */
  ended: Promise<number | null>;
  pid: number | undefined;
}

/** Ctrl-a, the escape character of QEMU's multiplexed console. */
export const CTRL_A = '\x01';
export const CTRL_C = '\x03';
export const CTRL_Z = '\x1a';

const ROWS = 37;
const COLUMNS = 111;
export const SIZE = `${ROWS} ${COLUMNS}`;

/** The characters at the end of the output without a match that are searched again. */
const LONGEST_MATCH = 8192;

/**
 * Starts rapido on a terminal, and prints the mode of the terminal before and after it. The modes in the lines
 * `mode before: …` and `mode after: …` must be equal.
 * @param prefix of the command: `ip netns exec …`
 * @param next a script for bash that runs after it
 */
export function openTerminal(
  home: Workspace,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  prefix: readonly string[] = [],
  next = '',
): Terminal {
  const command = [...prefix, process.execPath, RAPIDO, ...args].map(quoteForShell).join(' ');
  const script = [
    `stty rows ${ROWS} cols ${COLUMNS}`,
    'echo "device: $(tty)"',
    'echo "mode before: $(stty -g)"',
    command,
    'status=$?',
    'echo "mode after: $(stty -g)"',
    ...(next === '' ? [] : [`bash -c ${quoteForShell(next)}`]),
    'exit $status',
  ].join('; ');
  return openTerminalFor(script, home.directory, { ...home.env, ...env });
}

/** Starts a script for sh on a terminal. */
export function openTerminalFor(
  script: string,
  cwd: string,
  env: Readonly<Record<string, string>>,
): Terminal {
  const child = spawn(
    'script',
    ['--quiet', '--return', '--flush', '--command', script, '/dev/null'],
    { cwd, env, stdio: ['pipe', 'pipe', 'inherit'] },
  );
  let all = '';
  let raw = '';
  let seen = 0;
  let held = '';
  const waiting = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    raw += chunk;
    const [text, rest] = splitUnfinishedSequence(held + chunk);
    held = rest;
    all += stripControl(text);
    for (const look of waiting) look();
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  onTestFinished(async () => {
    child.kill('SIGTERM'); // script(1) also ends its program.
    await ended;
  });
  return {
    shown: () => all,
    shownRaw: () => raw,
    type: (text) => child.stdin.write(text),
    resize: (rows, columns) => {
      const device = /^device: (\S+)$/m.exec(all)?.[1] ?? 'unknown';
      execFileSync('stty', ['-F', device, 'rows', String(rows), 'cols', String(columns)]);
    },
    waitFor: (pattern, timeoutMs = 170_000) =>
      new Promise((resolve, reject) => {
        let from = seen;
        const stop = (): void => {
          clearTimeout(timer);
          waiting.delete(look);
        };
        const look = (): void => {
          const match = pattern.exec(all.slice(from));
          if (match === null) {
            from = Math.max(from, all.length - LONGEST_MATCH);
            return;
          }
          seen = from + match.index + match[0].length;
          stop();
          resolve(match);
        };
        const fail = (why: string): void => {
          stop();
          reject(new Error(`${why} before ${pattern} was shown; shown:\n${all}`));
        };
        const timer = setTimeout(() => fail(`${timeoutMs} ms passed`), timeoutMs);
        waiting.add(look);
        ended.then(() => waiting.has(look) && fail('the program ended'));
        look();
      }),
    ended,
    pid: child.pid,
  };
}

/** Text without carriage returns and control sequences (ECMA-48 CSI, OSC). */
function stripControl(text: string): string {
  return text.replace(/\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07|\x1b[()=>].?|\r/g, '');
}

/** Splits off an incomplete control sequence at the end. */
function splitUnfinishedSequence(text: string): [string, string] {
  const unfinished = /\x1b(\[[0-?]*[ -/]*|\][^\x07]*)?$/.exec(text);
  return unfinished === null
    ? [text, '']
    : [text.slice(0, unfinished.index), text.slice(unfinished.index)];
}

/** The modes of the terminal before and after rapido, from the lines of `openTerminal`. */
export function modesOf(terminal: Terminal): { before: string; after: string } {
  const mode = (when: string): string =>
    new RegExp(`^mode ${when}: (\\S+)$`, 'm').exec(terminal.shown())?.[1] ?? `no mode ${when}`;
  return { before: mode('before'), after: mode('after') };
}

/** Runs a program at the prompt of the guest's shell and interrupts it with Ctrl-C, which must give the prompt again. */
export async function interruptProgram({ type, waitFor }: Terminal, prompt: RegExp): Promise<void> {
  type('sleep 1000\r');
  await waitFor(/sleep 1000\n/);
  await sleep(500); // The echo comes before the program runs.
  type(CTRL_C);
  await waitFor(prompt);
  await sleep(500); // A person does not type faster; readline drops input while it restores its state.
}
