import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { vi } from 'vitest';
import { makeTemporaryDirectory } from './temporary-directory.ts';

/** A QEMU without a guest: a function in a separate process behaves as the guest. */
export interface FakeQemu {
  /** Its notes: every QMP command that it received, and the notes of its guest. */
  notes: () => string[];
}

/** The machine as seen by the function of its guest. */
export interface FakeMachine {
  /** How many machines were started from this fake QEMU, including this one. */
  nth: number;
  /** Whether it has no streams for a command, as a server of a run. */
  isServer: boolean;
  /** Sends the first event of the session; waits for the key. */
  init: () => Promise<void>;
  /** The key that was received after the first event, as if read from the memory of the session. */
  key: () => string;
  /** Sends a later event, with the key. */
  sendEvent: (event: string, fields?: Record<string, string>) => Promise<void>;
  write: (channel: 'control' | 'console' | 'stdout' | 'stderr', text: string) => Promise<void>;
  /** Writes the end mark of a stream of output; waits for the word in it, which is sent after command-end. */
  endOutput: (name: 'stdout' | 'stderr') => Promise<void>;
  /** Waits for the message that all output was received. */
  received: () => Promise<void>;
  /** Creates an empty file in /rapido/results. */
  leaveFile: (name: string) => void;
  /** Everything that is received on a channel until rapido closes it. */
  readAll: (channel: 'stdin') => Promise<string>;
  /** Calls back with each key that rapido types on the console. */
  onKey: (listener: (key: string) => void) => void;
  /** Sets the reaction to a QMP command, instead of success without a value. */
  onCommand: (name: string, how: 'refuse' | 'ignore' | { value: unknown } | (() => void)) => void;
  /** Sends an event on the monitor. */
  emit: (event: string, data: Record<string, unknown>) => Promise<void>;
  /** Ends the machine as QEMU does: sends an event with the reason, then exits with 0. */
  shutDown: (reason: string) => Promise<void>;
  /** Ends the process without an event on the monitor. */
  exit: (status: number, complaint?: string) => void;
  sleep: (ms: number) => Promise<void>;
  note: (text: string) => void;
}

/**
 * Puts a qemu-system-x86_64 first into PATH until `vi.unstubAllEnvs()`. After `guest` has returned, the
 * machine behaves as if it hangs.
 * @param guest passed as source text: it can use only its argument
 */
export function installFakeQemu(guest: (machine: FakeMachine) => Promise<void>): FakeQemu {
  const directory = makeTemporaryDirectory();
  const notes = join(directory, 'notes');
  writeFileSync(notes, '');
  const program = join(directory, 'qemu-system-x86_64');
  const start = `run(${JSON.stringify(notes)}, ${guest.toString()})`;
  writeFileSync(program, `#!/usr/bin/env node\n${MACHINE}\n${start};\n`);
  chmodSync(program, 0o755);
  vi.stubEnv('PATH', `${directory}:${process.env.PATH}`);
  return { notes: () => readFileSync(notes, 'utf8').split('\n').filter(Boolean) };
}

/** A guest without autorun scripts, whose command succeeds. */
export async function passes(vm: FakeMachine): Promise<void> {
  await vm.write('console', 'Linux version 6.18\r\n');
  await vm.init();
  await vm.sendEvent('command-start');
  await vm.write('stdout', 'said\n');
  await vm.sendEvent('command-end', { status: '0' });
  await vm.endOutput('stdout');
  await vm.endOutput('stderr');
  await vm.received();
  await vm.sendEvent('power-off', { taint: '0', left: '0' });
  await vm.shutDown('guest-shutdown');
}

/** QMP is on file descriptor 3, the channels on 4 to 8, as in src/vm/qemu-arguments.ts. */
const MACHINE = String.raw`
const { appendFileSync, fstatSync, statSync, writeFileSync } = require('node:fs');
const { Socket } = require('node:net');

function run(notes, guest) {
  const names = ['events', 'control', 'console', 'stdout', 'stderr', 'stdin'];
  const end = {};
  const isSocket = (fd) => {
    try {
      return fstatSync(fd).isSocket();
    } catch {
      return false;
    }
  };
  for (const [index, name] of names.entries()) {
    if (!isSocket(3 + index)) continue;
    end[name] = new Socket({ fd: 3 + index, allowHalfOpen: true });
    end[name].on('error', () => {});
  }
  const note = (text) => appendFileSync(notes, text + '\n');
  const write = (name, text) => new Promise((done) => end[name].write(text, () => done()));
  const say = (message) => write('events', JSON.stringify(message) + '\r\n');
  const shutDown = async (reason) => {
    await say({ event: 'SHUTDOWN', data: { guest: true, reason } });
    process.exit(0);
  };
  const onLine = (name, listener) => {
    let rest = '';
    end[name].setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      lines.forEach(listener);
    });
  };

  const special = {};
  onLine('events', (line) => {
    const { execute, id } = JSON.parse(line);
    if (execute !== 'qmp_capabilities') note('qmp ' + execute);
    const how = special[execute];
    if (how === 'ignore') return;
    if (how === 'refuse') return say({ id, error: { class: 'GenericError', desc: 'no' } });
    say({ id, return: how?.value ?? {} });
    if (typeof how === 'function') how();
    else if (execute === 'quit') shutDown('host-qmp-quit');
  });

  let key = '';
  let word;
  const received = [];
  const waiting = [];
  onLine('control', (line) => {
    const next = waiting.shift();
    if (next === undefined) received.push(line);
    else next(line);
  });
  const receive = () =>
    received.length > 0 ? received.shift() : new Promise((next) => waiting.push(next));
  const sendEvent = (event, fields) =>
    write('control', '\n' + JSON.stringify({ key, event, ...fields }) + '\n');

  appendFileSync(notes + '.starts', '.');
  say({ QMP: { version: {}, capabilities: [] } });
  guest({
    nth: statSync(notes + '.starts').size,
    isServer: end.stdout === undefined,
    init: async () => {
      await sendEvent('init', { uptime: '1.0' });
      key = await receive();
    },
    key: () => key,
    sendEvent,
    write,
    endOutput: async (name) => {
      word ??= receive();
      await write(name, '\0rapido-end:' + (await word) + '\0');
    },
    received: async () => {
      const line = await receive();
      note('control ' + line);
    },
    leaveFile: (name) => {
      const [, directory] = /path=([^,]*\/guest)\b/.exec(process.argv.join(' '));
      writeFileSync(directory + '/' + name, '');
    },
    readAll: async (name) => {
      let text = '';
      for await (const chunk of end[name].setEncoding('utf8')) text += chunk;
      return text;
    },
    onKey: (listener) => end.console.setEncoding('utf8').on('data', listener),
    onCommand: (name, how) => {
      special[name] = how;
    },
    emit: (event, data) => say({ event, data }),
    shutDown,
    exit: (status, complaint) => {
      if (complaint !== undefined) process.stderr.write(complaint);
      process.exit(status);
    },
    sleep: (ms) => new Promise((next) => setTimeout(next, ms)),
    note,
  });
}
`;
