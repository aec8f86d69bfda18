import { UserError } from '../errors.ts';
import { createDeferred } from '../sys/deferred.ts';
import { type ControlChannel, makeToken } from './control-channel.ts';
import type { GuestEvent } from './guest-events.ts';
import type { Terminal, VmPlan } from './plan.ts';
import { PORTS_BUS } from './qemu-arguments.ts';
import type { QemuProcess } from './qemu-process.ts';

/** Paths of Unix sockets on which the requester listens, one for each stream of a command. */
export interface CommandSockets {
  /** undefined: the command has no input. */
  stdin?: string | undefined;
  stdout: string;
  stderr: string;
}

export interface RunningCommand {
  /**
   * Resolves with the exit status, as in a shell; undefined: the VM ended first. Rejects with a UserError if the
   * guest cannot run it.
   */
  ended: Promise<number | undefined>;
  /** Resolves with whether the guest could create the requested terminal; otherwise, the command has pipes. */
  hasTerminal: Promise<boolean>;
  /** Changes the size of its terminal. */
  resize: (rows: number, columns: number) => void;
  /** Sends a signal to all its processes: `INT`, `TERM`, `HUP`, `QUIT`, `KILL`. */
  signal: (name: string) => void;
  /** Requests the end mark made of this word (`endMarkOf`) in the output, after the command has ended. */
  endOutput: (word: string) => void;
  /** Removes the ports, after all output has been received, or if it is no longer needed. */
  release: () => Promise<void>;
}

/** The requests that the guest's session serves (`serve_host` in guest/session). */
export interface GuestCommands {
  /**
   * Runs a program. QEMU connects its streams to the sockets directly.
   * @param terminal a terminal for the program, which then writes all output to `stdout`; requires `stdin`
   * @throws UserError if QEMU or the kernel does not support it
   */
  run: (
    words: readonly Buffer[],
    sockets: CommandSockets,
    terminal?: Terminal,
  ) => Promise<RunningCommand>;
  /** Sets the size of the console's terminal. */
  resize: (rows: number, columns: number) => void;
  powerOff: () => void;
  /** To be called with each message of the session. */
  onEvent: (event: GuestEvent) => void;
  /** To be called when the VM has ended. */
  end: () => void;
}

/** @param control the control channel of the session, which must not be that of a `rapido run` */
export function createGuestCommands(
  qemu: Pick<QemuProcess, 'qmp'>,
  control: Pick<ControlChannel, 'ask'>,
  channel: VmPlan['channel'],
): GuestCommands {
  const running = new Map<string, Running>();
  let isListening = false;
  let last = 0;
  return {
    run: async (words, sockets, terminal) => {
      if (channel === 'serial') {
        throw new UserError('the kernel of this VM has no virtio console', {
          hint: 'build it with CONFIG_VIRTIO_CONSOLE, or use the console: rapido console N',
        });
      }
      if (!isListening) throw new UserError('the VM has not booted yet');
      const id = String(++last);
      const ended = createDeferred<number | undefined>();
      const hasTerminal = createDeferred<boolean>();
      running.set(id, {
        finish: ended.resolve,
        refuse: ended.reject,
        setTerminal: hasTerminal.resolve,
      });
      const unplug = await plugPorts(qemu, id, sockets);
      control.ask(formatRequest(id, words, sockets, terminal));
      let isMarked = false;
      const endOutput = (word: string): void => {
        if (!isMarked) control.ask(`end ${id} ${word}`);
        isMarked = true;
      };
      return {
        ended: ended.promise,
        hasTerminal: hasTerminal.promise,
        resize: (rows, columns) => control.ask(`size ${rows} ${columns} ${id}`),
        signal: (name) => control.ask(`signal ${id} ${name}`),
        endOutput,
        release: async () => {
          // The session waits for the mark, even if nobody reads the output.
          endOutput(makeToken());
          await unplug();
        },
      };
    },
    resize: (rows, columns) => {
      if (isListening) control.ask(`size ${rows} ${columns}`);
    },
    powerOff: () => control.ask('power-off'),
    onEvent: (event) => {
      if (event.event === 'init') isListening = true;
      if (event.event === 'exec-terminal') running.get(event.id)?.setTerminal(event.made);
      if (event.event === 'exec-no-channel') {
        running.get(event.id)?.refuse(
          new UserError('the guest cannot find the channels for input and output of the command', {
            hint: 'it needs /sys and /dev: are both mounted? A shell that needs no channel: rapido console N',
          }),
        );
        running.delete(event.id);
      }
      if (event.event !== 'exec-end') return;
      running.get(event.id)?.finish(event.status);
      running.delete(event.id);
    },
    end: () => {
      for (const { finish } of running.values()) finish(undefined);
      running.clear();
    },
  };
}

/** A command whose end has not been reported. */
interface Running {
  finish: (status: number | undefined) => void;
  refuse: (reason: UserError) => void;
  setTerminal: (made: boolean) => void;
}

/** The request line that starts a command in the session. */
function formatRequest(
  id: string,
  words: readonly Buffer[],
  { stdin }: CommandSockets,
  terminal: Terminal | undefined,
): string {
  const command = words.map(quoteForLine).join(' ');
  if (terminal === undefined) return `exec ${id} ${stdin === undefined ? 0 : 1} ${command}`;
  const type = quoteForLine(Buffer.from(terminal.type ?? ''));
  return `terminal ${id} ${terminal.rows}x${terminal.columns} ${type} ${command}`;
}

/**
 * Adds virtio ports `org.rapido.exec-ID-NAME` to the VM and has QEMU connect them to the sockets.
 * @returns a function that removes the ports
 */
async function plugPorts(
  { qmp }: Pick<QemuProcess, 'qmp'>,
  id: string,
  sockets: CommandSockets,
): Promise<() => Promise<void>> {
  const undo: [command: string, id: string][] = [];
  const unplug = async (): Promise<void> => {
    for (const [command, name] of undo.splice(0).reverse()) {
      await qmp.execute(command, { arguments: { id: name } });
    }
  };
  const perform = async (command: string, args: Record<string, unknown>): Promise<void> => {
    if (await qmp.execute(command, { arguments: args, timeout: PATIENCE })) return;
    await unplug();
    throw new UserError('QEMU could not add a port to the VM', {
      hint: 'a VM can run at most ten commands at a time',
    });
  };
  for (const [stream, path] of Object.entries(sockets)) {
    if (path === undefined) continue;
    const name = `exec-${id}-${stream}`;
    const address = { type: 'unix', data: { path } };
    await perform('chardev-add', {
      id: name,
      backend: { type: 'socket', data: { addr: address, server: false } },
    });
    undo.push(['chardev-remove', name]);
    await perform('device_add', {
      driver: 'virtserialport',
      bus: PORTS_BUS,
      chardev: name,
      name: `org.rapido.${name}`,
      id: `${name}-port`,
    });
    undo.push(['device_del', `${name}-port`]);
  }
  return unplug;
}

/** How long QEMU may take to add a port, in milliseconds. With emulation, QEMU may be busy. */
const PATIENCE = 10_000;

/** Quotes any bytes as one word for bash, without line feeds. */
export function quoteForLine(word: Buffer): string {
  const text = word.toString('latin1');
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  const escaped = text.replace(
    /[^ -~]|['\\]/g,
    (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return `$'${escaped}'`;
}
