import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inject, onTestFinished } from 'vitest';
import { killVms, makeTestDirectory, removeRemains } from './remains.ts';

export const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
export const RAPIDO = join(CHECKOUT, 'bin/rapido.js');

/**
 * A home directory for a test. After it, what still runs or is mounted there is ended, and the directory is removed. Its
 * path contains a space, as paths may.
 */
export interface Workspace {
  directory: string;
  env: Record<string, string>;
  images: string;
  layers: string;
  /** Makes a file and its directories. @returns its absolute path */
  write: (name: string, content: string | Buffer, mode?: number) => string;
  /** Runs rapido in the workspace. */
  rapido: (args: readonly string[], options?: RunOptions) => Promise<Finished>;
  /** Kills the VMs of the workspace. For the hooks of a test that shares the workspace with others. */
  killVms: () => Promise<void>;
}

export interface RunOptions {
  /** The program that `rapido` of a workspace runs. Default: that of this checkout. */
  program?: string;
  env?: Record<string, string>;
  cwd?: string;
  /** Text for its standard input. Default: /dev/null. */
  input?: string;
  /** Prefix of the command, for example `setpriv …`. */
  prefix?: readonly string[];
  /** Called with the PID when the process has started. */
  onStart?: (pid: number) => void;
  /** Called with the PID when it has written to standard output for the first time. */
  onOutput?: (pid: number) => void;
}

export interface Finished {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/**
 * For tests of what is in an image, which are no tests of SMP: a second CPU costs a third more of an emulated boot.
 */
export const ONE_CPU = { VM_CPUS: '1' };

export function createWorkspace(
  cleanUp = onTestFinished,
  conf: Readonly<Record<string, string>> = {},
): Workspace {
  const directory = makeTestDirectory();
  cleanUp(() => removeRemains(directory));
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: directory,
    TERM: 'xterm',
    XDG_RUNTIME_DIR: join(directory, 'run'),
    ...conf,
  };
  mkdirSync(env.XDG_RUNTIME_DIR, { mode: 0o700 });
  copyWarmCache(join(directory, '.cache/rapido'));
  const write: Workspace['write'] = (name, content, mode = 0o644) => {
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    chmodSync(path, mode);
    return path;
  };
  return {
    directory,
    env,
    images: join(directory, '.cache/rapido/images'),
    layers: join(directory, '.cache/rapido/layers'),
    write,
    rapido: (args, options = {}) =>
      run([process.execPath, options.program ?? RAPIDO, ...args], {
        cwd: directory,
        ...options,
        env: { ...env, ...options.env },
      }),
    killVms: () => killVms(join(env.XDG_RUNTIME_DIR, 'rapido')),
  };
}

/**
 * Copies rapido itself, read-only, into a workspace. An ordinary user can run it there, and the workspace is theirs;
 * this checkout may be in a directory that only root can read.
 * @returns the program
 */
export function copyProgram(home: Workspace): string {
  const checkout = join(home.directory, 'the checkout');
  for (const part of ['bin', 'dist', 'guest', 'autorun', 'package.json']) {
    cpSync(join(CHECKOUT, part), join(checkout, part), { recursive: true });
  }
  execFileSync('chmod', ['-R', 'a-w', checkout]);
  onTestFinished(() => {
    execFileSync('chmod', ['-R', 'u+w', checkout]);
  });
  if (process.getuid?.() === 0) execFileSync('chown', ['-R', '65534', home.directory]);
  chmodSync(home.directory, 0o755);
  return join(checkout, 'bin/rapido.js');
}

/** What test/support/warm-cache.ts has made, if the test is one that boots VMs. */
function copyWarmCache(cache: string): void {
  const warm = inject('warmCache');
  if (warm === undefined) return;
  mkdirSync(dirname(cache), { mode: 0o700 });
  mkdirSync(cache, { mode: 0o700 });
  for (const part of ['layers', 'kernels']) {
    const from = join(warm, part);
    if (existsSync(from)) cpSync(from, join(cache, part), { recursive: true });
  }
}

/** Runs a command and waits for its end. */
export async function run(argv: readonly string[], options: RunOptions): Promise<Finished> {
  const [file = '', ...args] = [...(options.prefix ?? []), ...argv];
  const child = spawn(file, args, {
    cwd: options.cwd,
    env: options.env,
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  const { pid } = child;
  if (pid !== undefined) {
    options.onStart?.(pid);
    child.stdout?.once('data', () => options.onOutput?.(pid));
  }
  child.stdin?.end(options.input);
  const texts = [child.stdout, child.stderr].map(async (stream) => {
    let text = '';
    for await (const chunk of stream?.setEncoding('utf8') ?? []) text += chunk;
    return text;
  });
  const [status, signal] = await new Promise<[number | null, NodeJS.Signals | null]>(
    (resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (...how) => resolve(how));
    },
  );
  const [stdout = '', stderr = ''] = await Promise.all(texts);
  return { status, signal, stdout, stderr };
}
