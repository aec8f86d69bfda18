import type { Socket } from 'node:net';
import { dirname } from 'node:path';
import type { GlobalOptions } from '../cli/context.ts';
import { UsageError, UserError } from '../errors.ts';
import { RUN_EXIT } from '../results/verdict.ts';
import { isInForeground } from '../sys/process-identity.ts';
import { discardInput } from '../sys/terminal-mode.ts';
import {
  createGuestOutput,
  type GuestInput,
  type GuestOutput,
  openGuestInput,
} from '../ui/guest-streams.ts';
import { openRawTerminal, type TerminalSize, terminalSize } from '../ui/raw-terminal.ts';
import type { Ui } from '../ui/terminal.ts';
import { type Asked, askVm } from '../vm/ask-vm.ts';
import { endMarkOf, makeWord } from '../vm/control-channel.ts';
import type { Terminal } from '../vm/plan.ts';
import { listenToSignals } from '../vm/qemu-process.ts';
import { untilEndMark } from '../vm/until-end-mark.ts';
import { createEscapes } from './exec-escapes.ts';
import { type ExecStreams, listenForStreams } from './exec-streams.ts';
import { describeVm, findRunningVms, pickVm } from './pick.ts';

export interface ExecOptions extends GlobalOptions {
  /** `-t`, `-T`; undefined: where rapido has a terminal, the command gets one. */
  tty?: boolean | undefined;
}

/** The shell of the console's prompt. */
const SHELL = ['bash', '--rcfile', '/rapido/bashrc', '-i'].map((word) => Buffer.from(word));

/**
 * `rapido exec VM [-- COMMAND]`
 * @param words of the command, byte for byte; undefined: a shell
 * @returns its exit status
 */
export async function runExec(
  name: string,
  words: readonly Buffer[] | undefined,
  options: ExecOptions,
  ui: Ui,
): Promise<number> {
  const terminal = chooseTerminal(options.tty);
  const command = words ?? (terminal === undefined ? [] : SHELL);
  if ((command[0]?.length ?? 0) === 0) {
    throw new UsageError('there is no command after `--`', {
      hint: `rapido exec ${name} -- ls -l; at a terminal, rapido exec ${name} is a shell`,
    });
  }
  const { vms } = findRunningVms(options, ui);
  const vm = pickVm(vms, name);
  const input = openGuestInput({ mayBeTerminal: true });
  const streams = listenForStreams(dirname(vm.monitorSocket), input !== undefined);
  try {
    const asked = await askVm(vm, {
      request: 'exec',
      words: command.map((word) => word.toString('base64')),
      sockets: streams.sockets,
      terminal,
    });
    const started = await asked.hear();
    if (started?.answer !== 'started') throw new UserError(`VM ${vm.number} has gone`);
    if (words === undefined) {
      ui.note(`shell in VM ${describeVm(vm)}; if it hangs, leave it with Enter ~ .`);
    }
    const end = await carryStreams(asked, { streams, input, terminal, ui });
    if (end === 'lost') ui.note(`rapido: VM ${vm.number} ended before the command did`);
    if (end === 'left') ui.note(`rapido: left the command in VM ${vm.number}, which gets SIGHUP`);
    return typeof end === 'number' ? end : STATUS[end];
  } finally {
    streams.close();
  }
}

/**
 * The terminal that the command is to have; undefined: pipes.
 * @throws UsageError where one is asked for, and nobody could type at it
 */
function chooseTerminal(asked: boolean | undefined): Terminal | undefined {
  const { stdin, stdout, stderr, env } = process;
  const canType = stdin.isTTY && isInForeground();
  if (asked === true && !canType) {
    // A terminal has no end of input that could be passed on: a Ctrl-D counts only for who reads just then.
    throw new UsageError('-t: standard input is not a terminal', {
      hint: 'without -t, the command has pipes',
    });
  }
  if (!(asked ?? (canType && stdout.isTTY && stderr.isTTY))) return undefined;
  return { rows: 24, columns: 80, ...terminalSize(), type: env.TERM };
}

/**
 * How it ended for us: the command's exit status; the VM ended before it; the user left it, by keys or by
 * a third signal.
 */
type End = number | 'lost' | 'left' | 'interrupted';

const STATUS = {
  lost: RUN_EXIT.crash,
  left: RUN_EXIT.interrupted,
  interrupted: RUN_EXIT.interrupted,
} as const;

interface Carried {
  streams: ExecStreams;
  /** rapido's own; undefined: there is none. */
  input: GuestInput | undefined;
  /** What was asked for. */
  terminal: Terminal | undefined;
  ui: Ui;
}

/** Passes on what the command reads and writes, and signals; waits for its end. */
async function carryStreams(asked: Asked, carried: Carried): Promise<End> {
  const { streams, input, terminal } = carried;
  const outputs = { stdout: createGuestOutput(1), stderr: createGuestOutput(2) };
  let detach = (): void => {};
  let left: End | undefined;
  const leave = (how: 'left' | 'interrupted'): void => {
    left = how;
    asked.socket.destroy();
  };
  let hasTerminal = false;
  let isLost = false;
  let outputEnd: Buffer | undefined;
  const markNow = (): Buffer | undefined => outputEnd;
  let signalled = 0;
  const signals = listenToSignals((signal) => {
    signalled++;
    // The command may catch the first one; the second it cannot, and the third is ours. Where Ctrl-C is a key
    // of the command's terminal, the first one is meant for us.
    if (hasTerminal || signalled > 2) leave('interrupted');
    else asked.socket.write(signalled === 1 ? `${signal.replace('SIG', '')}\n` : 'KILL\n');
  });
  try {
    hasTerminal = terminal !== undefined && (await hearOfTerminal(asked, carried.ui));
    const wholes = [carryOutput(streams.stdout, outputs.stdout, markNow)];
    if (!hasTerminal) {
      wholes.push(carryOutput(streams.stderr, outputs.stderr, markNow));
    }
    // Who leaves does not wait for them.
    for (const whole of wholes) whole.catch(() => {});
    const port = await streams.stdin;
    if (port !== undefined && terminal !== undefined && hasTerminal) {
      detach = typeAtTerminal(port, asked.socket, terminal, () => leave('left'));
    } else if (port !== undefined) input?.pipe(port);
    const ended = await asked.hear();
    if (left !== undefined) return left;
    const status = ended?.answer === 'ended' ? ended.status : undefined;
    isLost = status === undefined;
    if (status === undefined) return 'lost';
    const word = makeWord();
    outputEnd = endMarkOf(word);
    asked.socket.write(`end ${word}\n`);
    const isWhole = await Promise.all(wholes);
    if (left !== undefined) return left;
    if (!isWhole.every(Boolean)) throw new UserError("some of the command's output was lost");
    return status;
  } finally {
    signals.stop();
    // Who types for a VM that is gone must not type for the shell.
    if (hasTerminal && isLost) await discardInput(true);
    detach();
    // Only now its rapido takes the ports away.
    asked.socket.destroy();
    if (input !== undefined) process.stdin.destroy();
    outputs.stdout.close();
    outputs.stderr.close();
  }
}

/**
 * Passes on an output of the command.
 * @param markNow what it ends with; undefined: the command still runs
 * @returns whether it came to its end mark: the stream itself goes on as long as the port is there
 */
async function carryOutput(
  stream: Promise<Socket>,
  output: GuestOutput,
  markNow: () => Buffer | undefined,
): Promise<boolean> {
  const socket = await stream;
  return new Promise((resolve, reject) => {
    untilEndMark(socket, markNow, output.write, () => resolve(true)).then(resolve, reject);
  });
}

/** Whether the command has got the terminal that was asked for. Where not, the user learns why. */
async function hearOfTerminal(asked: Asked, ui: Ui): Promise<boolean> {
  const heard = await asked.hear();
  if (heard?.answer !== 'terminal') return false;
  if (!heard.made) {
    ui.note(
      'rapido: the VM cannot make a pseudoterminal (CONFIG_UNIX98_PTYS, /dev/pts): the command has pipes',
    );
  }
  return heard.made;
}

/**
 * Sends what is typed to the command's terminal, and tells changes of the size.
 * @param request where sizes are told
 * @param told the size that it was made with
 * @returns what gives our own terminal back
 */
function typeAtTerminal(
  port: Socket,
  request: Socket,
  told: TerminalSize,
  leave: () => void,
): () => void {
  const keys = createEscapes({
    send: (typed) => port.write(typed),
    leave,
    help: () =>
      terminal.write('\r\n~. leaves the command, ~~ is a ~, both at the start of a line\r\n'),
  });
  const tellSize = ({ rows, columns }: TerminalSize): void => {
    request.write(`size ${rows} ${columns}\n`);
  };
  const terminal = openRawTerminal(keys, tellSize);
  const size = terminalSize() ?? told;
  if (size.rows !== told.rows || size.columns !== told.columns) tellSize(size);
  return terminal.close;
}
