import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { vi } from 'vitest';
import { makeTemporaryDirectory } from './temporary-directory.ts';

/** A QEMU that boots nothing: what a guest would do is done by a function in a process of its own. */
export interface FakeQemu {
  /** What it noted: every QMP command that it got, and what its guest notes. */
  notes: () => string[];
}

/** The machine as its guest's function has it. */
export interface FakeMachine {
  /** The session's first word; waits for the key. */
  init: () => Promise<void>;
  /** The key that came for the first word, as one who reads the session's memory has it. */
  key: () => string;
  /** A later word, with the key. */
  tell: (event: string, fields?: Record<string, string>) => Promise<void>;
  write: (channel: 'control' | 'console' | 'stdout' | 'stderr', text: string) => Promise<void>;
  /** The mark at the end of one stream of output; waits for its word, which comes after command-end. */
  endOutput: (name: 'stdout' | 'stderr') => Promise<void>;
  /** Waits for the word that all output has arrived. */
  received: () => Promise<void>;
  /** Makes an empty file in /rapido/results. */
  leaveFile: (name: string) => void;
  /** All that comes on a channel, until rapido closes it. */
  readAll: (channel: 'stdin') => Promise<string>;
  /** Calls back with each key that rapido types on the console. */
  onKey: (listener: (key: string) => void) => void;
  /** What it does instead of agreeing to a QMP command. */
  onCommand: (name: string, how: 'refuse' | 'ignore' | (() => void)) => void;
  /** An event on the monitor. */
  emit: (event: string, data: Record<string, unknown>) => Promise<void>;
  /** Ends the machine as QEMU does: an event with the reason, then exit status 0. */
  shutDown: (reason: string) => Promise<void>;
  /** Ends the process without a word on the monitor. */
  exit: (status: number, complaint?: string) => void;
  sleep: (ms: number) => Promise<void>;
  note: (text: string) => void;
}

/**
 * Puts a qemu-system-x86_64 first in PATH until `vi.unstubAllEnvs()`. When `guest` returns, the
 * machine goes on as one that hangs.
 * @param guest is handed over as its source text: it can use nothing but its argument
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
  await vm.tell('command-start');
  await vm.write('stdout', 'said\n');
  await vm.tell('command-end', { status: '0' });
  await vm.endOutput('stdout');
  await vm.endOutput('stderr');
  await vm.received();
  await vm.tell('power-off', { taint: '0', left: '0' });
  await vm.shutDown('guest-shutdown');
}

/** QMP on file descriptor 3, the channels on 4 to 8, as src/vm/qemu-arguments.ts has them. */
const MACHINE = String.raw`
const { appendFileSync, writeFileSync } = require('node:fs');
const { Socket } = require('node:net');

function run(notes, guest) {
  const names = ['events', 'control', 'console', 'stdout', 'stderr', 'stdin'];
  const end = {};
  for (const [index, name] of names.entries()) {
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
    say({ id, return: {} });
    if (how !== undefined) how();
    else if (execute === 'quit') shutDown('host-qmp-quit');
  });

  let key = '';
  let word;
  const heard = [];
  const waiting = [];
  onLine('control', (line) => {
    const next = waiting.shift();
    if (next === undefined) heard.push(line);
    else next(line);
  });
  const hear = () =>
    heard.length > 0 ? heard.shift() : new Promise((next) => waiting.push(next));
  const tell = (event, fields) =>
    write('control', '\n' + JSON.stringify({ key, event, ...fields }) + '\n');

  say({ QMP: { version: {}, capabilities: [] } });
  guest({
    init: async () => {
      await tell('init', { uptime: '1.0' });
      key = await hear();
    },
    key: () => key,
    tell,
    write,
    endOutput: async (name) => {
      word ??= hear();
      await write(name, '\0rapido-end:' + (await word) + '\0');
    },
    received: async () => {
      const line = await hear();
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
