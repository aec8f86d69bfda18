import { UserError } from '../errors.ts';
import { createDeferred } from '../sys/deferred.ts';
import { type ControlChannel, makeWord } from './control-channel.ts';
import type { GuestEvent } from './guest-events.ts';
import type { Terminal, VmPlan } from './plan.ts';
import { PORTS_BUS } from './qemu-arguments.ts';
import type { QemuProcess } from './qemu-process.ts';

/** Unix sockets on which somebody listens, one for each stream of a command. */
export interface CommandSockets {
  /** undefined: the command has no input. */
  stdin?: string | undefined;
  stdout: string;
  stderr: string;
}

export interface RunningCommand {
  /** Its exit status as a shell has it; undefined: the VM ended before it. */
  ended: Promise<number | undefined>;
  /** Whether the terminal that was asked for could be made; without it, the command has pipes. */
  hasTerminal: Promise<boolean>;
  /** Gives its terminal another size. */
  resize: (rows: number, columns: number) => void;
  /** Sends a signal to all its processes: `INT`, `TERM`, `HUP`, `QUIT`, `KILL`. */
  signal: (name: string) => void;
  /** Once it has ended: has the end of its output marked with that word (`endMarkOf`). */
  endOutput: (word: string) => void;
  /** Takes its ports away: all of its output has been received, or nobody wants it any more. */
  release: () => Promise<void>;
}

/** What the guest's session does when it is asked (`serve_host` in guest/session). */
export interface GuestCommands {
  /**
   * Runs a program. Its streams go straight between QEMU and the sockets.
   * @param terminal what it is to have, with all output at `stdout`; that takes a `stdin`
   * @throws UserError where QEMU or the kernel has no way for it
   */
  run: (
    words: readonly Buffer[],
    sockets: CommandSockets,
    terminal?: Terminal,
  ) => Promise<RunningCommand>;
  /** Tells the console's terminal its size. */
  resize: (rows: number, columns: number) => void;
  powerOff: () => void;
  /** Hears what the session tells. */
  onEvent: (event: GuestEvent) => void;
  /** The VM is gone. */
  end: () => void;
}

/** @param control of the guest's session, which must not be that of a `rapido run` */
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
      if (!isListening) throw new UserError('the VM has not come up yet');
      const id = String(++last);
      const ended = createDeferred<number | undefined>();
      const hasTerminal = createDeferred<boolean>();
      running.set(id, { finish: ended.resolve, tellTerminal: hasTerminal.resolve });
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
          // The session waits for it, whether anybody else still does or not.
          endOutput(makeWord());
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
      if (event.event === 'exec-terminal') running.get(event.id)?.tellTerminal(event.made);
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

/** A command whose end has not been heard of. */
interface Running {
  finish: (status: number | undefined) => void;
  tellTerminal: (made: boolean) => void;
}

/** The line by which the session is asked for a command. */
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
 * Gives the VM virtio ports `org.rapido.exec-ID-NAME` whose other ends QEMU connects to the sockets.
 * @returns what takes them away again
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
    throw new UserError('QEMU could not give the VM another port', {
      hint: 'a VM has room for the ports of ten commands at a time',
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

/** How long QEMU may take for a port, in milliseconds: an emulated one may be busy. */
const PATIENCE = 10_000;

/** A word for bash, without line feeds, whatever is in it. */
export function quoteForLine(word: Buffer): string {
  const text = word.toString('latin1');
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  const escaped = text.replace(
    /[^ -~]|['\\]/g,
    (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return `$'${escaped}'`;
}
