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
import { askVm, type VmConnection } from '../vm/ask-vm.ts';
import { endMarkOf, makeToken } from '../vm/control-channel.ts';
import type { Terminal } from '../vm/plan.ts';
import { listenToSignals } from '../vm/qemu-process.ts';
import { untilEndMark } from '../vm/until-end-mark.ts';
import { createEscapes } from './exec-escapes.ts';
import { type ExecStreams, listenForStreams } from './exec-streams.ts';
import { describeVm, findRunningVms, pickVm } from './pick.ts';

export interface ExecOptions extends GlobalOptions {
  /** `-t`, `-T`; undefined: the command gets a terminal if rapido has one. */
  tty?: boolean | undefined;
}

/** The same shell as at the prompt of the console. */
const SHELL = ['bash', '--rcfile', '/rapido/bashrc', '-i'].map((word) => Buffer.from(word));

/**
 * `rapido exec VM [-- COMMAND]`
 * @param words the command and its arguments, byte for byte; undefined: a shell
 * @returns the exit status of the command
 */
export async function runExec(
  name: string,
  words: readonly Buffer[] | undefined,
  options: ExecOptions,
  ui: Ui,
): Promise<number> {
  const { vms } = findRunningVms(options, ui);
  const vm = pickVm(vms, name);
  const terminal = chooseTerminal(options.tty);
  const command = words ?? (terminal === undefined ? [] : SHELL);
  if ((command[0]?.length ?? 0) === 0) {
    throw new UsageError('there is no command after `--`', {
      hint: `rapido exec ${name} -- ls -l; for a shell, at a terminal: rapido exec ${name}`,
    });
  }
  const input = openGuestInput({ mayBeTerminal: true });
  const streams = listenForStreams(dirname(vm.monitorSocket), input !== undefined);
  try {
    const connection = await askVm(vm, {
      request: 'exec',
      words: command.map((word) => word.toString('base64')),
      sockets: streams.sockets,
      terminal,
    });
    const started = await connection.nextAnswer();
    if (started?.answer !== 'started') throw new UserError(`VM ${vm.number} has ended`);
    if (words === undefined) {
      ui.note(`shell in VM ${describeVm(vm)}; if it hangs, leave it with Enter ~ .`);
    }
    const end = await relayStreams(connection, { streams, input, terminal, ui });
    if (end === 'lost') ui.note(`rapido: VM ${vm.number} ended before the command did`);
    if (end === 'left') ui.note(`rapido: left the command in VM ${vm.number}; it gets SIGHUP`);
    return typeof end === 'number' ? end : STATUS[end];
  } finally {
    streams.close();
  }
}

/**
 * Chooses the terminal of the command; undefined: pipes.
 * @throws UsageError if `-t` is given, but standard input is not a terminal, or rapido is in the background
 */
function chooseTerminal(asked: boolean | undefined): Terminal | undefined {
  const { stdin, stdout, stderr, env } = process;
  const canType = stdin.isTTY && isInForeground();
  if (asked === true && !canType) {
    // EOF of a pipe could not be passed on to a terminal: Ctrl-D only reaches a program that reads at that moment.
    throw new UsageError('-t: standard input is not a terminal', {
      hint: 'without -t, the command gets pipes',
    });
  }
  if (!(asked ?? (canType && stdout.isTTY && stderr.isTTY))) return undefined;
  return { rows: 24, columns: 80, ...terminalSize(), type: env.TERM };
}

/**
 * How the command ended: its exit status; `lost`: the VM ended first; `left`: the user left it with `~.`;
 * `interrupted`: the user left it with a signal.
 */
type End = number | 'lost' | 'left' | 'interrupted';

const STATUS = {
  lost: RUN_EXIT.crash,
  left: RUN_EXIT.interrupted,
  interrupted: RUN_EXIT.interrupted,
} as const;

interface Relay {
  streams: ExecStreams;
  /** rapido's standard input; undefined: there is none. */
  input: GuestInput | undefined;
  /** The terminal that the command was started with; the guest may not be able to create it. */
  terminal: Terminal | undefined;
  ui: Ui;
}

/** Relays the streams of the command, and signals, until the command ends. */
async function relayStreams(connection: VmConnection, relay: Relay): Promise<End> {
  const { streams, input, terminal } = relay;
  const outputs = { stdout: createGuestOutput(1), stderr: createGuestOutput(2) };
  let detach = (): void => {};
  let left: End | undefined;
  const leave = (how: 'left' | 'interrupted'): void => {
    left = how;
    connection.socket.destroy();
  };
  let hasTerminal = false;
  let isLost = false;
  let outputEnd: Buffer | undefined;
  const markNow = (): Buffer | undefined => outputEnd;
  let signalled = 0;
  const signals = listenToSignals((signal) => {
    signalled++;
    // The first signal is sent to the command, which may catch it. The second is sent as SIGKILL. The third ends
    // rapido. If the command has a terminal, Ctrl-C is a key of it, so already the first signal ends rapido.
    if (hasTerminal || signalled > 2) leave('interrupted');
    else connection.socket.write(signalled === 1 ? `${signal.replace('SIG', '')}\n` : 'KILL\n');
  });
  try {
    hasTerminal = terminal !== undefined && (await awaitTerminal(connection, relay.ui));
    const relayed = [relayOutput(streams.stdout, outputs.stdout, markNow)];
    if (!hasTerminal) {
      relayed.push(relayOutput(streams.stderr, outputs.stderr, markNow));
    }
    // If the user leaves, nothing awaits these promises.
    for (const output of relayed) output.catch(() => {});
    const port = await streams.stdin;
    if (port !== undefined && terminal !== undefined && hasTerminal) {
      detach = typeAtTerminal(port, connection.socket, terminal, () => leave('left'));
    } else if (port !== undefined) input?.pipe(port);
    const ended = await connection.nextAnswer();
    if (left !== undefined) return left;
    const status = ended?.answer === 'ended' ? ended.status : undefined;
    isLost = status === undefined;
    if (status === undefined) return 'lost';
    const word = makeToken();
    outputEnd = endMarkOf(word);
    connection.socket.write(`end ${word}\n`);
    const areComplete = await Promise.all(relayed);
    if (left !== undefined) return left;
    if (!areComplete.every(Boolean)) throw new UserError("some of the command's output was lost");
    return status;
  } finally {
    signals.stop();
    // What the user typed for the VM must not reach the host's shell.
    if (hasTerminal && isLost) await discardInput(true);
    detach();
    // When this connection closes, the VM's rapido removes the ports.
    connection.socket.destroy();
    if (input !== undefined) process.stdin.destroy();
    outputs.stdout.close();
    outputs.stderr.close();
  }
}

/**
 * Relays an output stream of the command up to its end mark. The stream itself stays open as long as the port exists.
 * @param markNow returns the end mark; undefined: the command still runs
 * @returns whether the end mark arrived
 */
async function relayOutput(
  stream: Promise<Socket>,
  output: GuestOutput,
  markNow: () => Buffer | undefined,
): Promise<boolean> {
  const socket = await stream;
  return new Promise((resolve, reject) => {
    untilEndMark(socket, markNow, output.write, () => resolve(true)).then(resolve, reject);
  });
}

/** @returns whether the guest could create the terminal; if not, the user is informed */
async function awaitTerminal(connection: VmConnection, ui: Ui): Promise<boolean> {
  const answer = await connection.nextAnswer();
  if (answer?.answer !== 'terminal') return false;
  if (!answer.made) {
    ui.note(
      'rapido: the VM cannot create a pseudoterminal (CONFIG_UNIX98_PTYS, /dev/pts): the command gets pipes',
    );
  }
  return answer.made;
}

/**
 * Sends what is typed, and changes of the size, to the command's terminal.
 * @param request the socket to which sizes are sent
 * @param initialSize the size with which the terminal was created
 * @returns a function that restores rapido's own terminal
 */
function typeAtTerminal(
  port: Socket,
  request: Socket,
  initialSize: TerminalSize,
  leave: () => void,
): () => void {
  const keys = createEscapes({
    send: (typed) => port.write(typed),
    leave,
    help: () =>
      terminal.write('\r\nat the start of a line, ~. leaves the command, ~~ sends one ~\r\n'),
  });
  const sendSize = ({ rows, columns }: TerminalSize): void => {
    request.write(`size ${rows} ${columns}\n`);
  };
  const terminal = openRawTerminal(keys, sendSize);
  const size = terminalSize() ?? initialSize;
  if (size.rows !== initialSize.rows || size.columns !== initialSize.columns) sendSize(size);
  return terminal.close;
}
