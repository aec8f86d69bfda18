import { resolve } from 'node:path';
import type { GlobalOptions, KernelOptions } from '../cli/context.ts';
import { splitArguments } from '../conf/values.ts';
import { UsageError } from '../errors.ts';
import type { ExpectedSplat } from '../formats/klog/expected.ts';
import type { CommandRequest } from '../image/resolve-request.ts';
import type { Shard } from '../image/shard.ts';
import { checkDiskOptions } from '../machine/disks.ts';
import { checkVmOptions, type VmOptions } from '../machine/start.ts';
import type { Accelerator } from '../vm/plan.ts';
import type { TimeLimits } from '../vm/session-watch.ts';
import { parseDuration } from './duration.ts';
import { readExpected } from './expected-lists.ts';
import { readShard, type ShardOptions } from './shard.ts';

/** The options of `rapido run`, not yet parsed. */
export interface RunOptions extends GlobalOptions, KernelOptions, VmOptions, ShardOptions {
  /** The words after `--`, byte for byte. */
  command: readonly Buffer[] | undefined;
  install?: string[] | undefined;
  include?: string[] | undefined;
  driver?: string[] | undefined;
  timeout?: string | undefined;
  bootTimeout?: string | undefined;
  silence?: string | undefined;
  keepGoing?: boolean | undefined;
  resumeAfterCrash?: boolean | undefined;
  dumpOnCrash?: boolean | undefined;
  kmemleak?: boolean | undefined;
  expected?: string | undefined;
  ktap?: boolean | undefined;
  results?: string | undefined;
  junit?: string | undefined;
  html?: string | undefined;
  json?: boolean | undefined;
  console?: boolean | undefined;
  quiet?: boolean | undefined;
  build?: string | undefined;
  bisect?: boolean | undefined;
  /** Cuts of the servers, optionally with the number of the VM: `nfsd-xfs:1`. */
  with?: string[] | undefined;
  dryRun?: boolean | undefined;
}

/** Options whose text is parsed. */
type ParsedOption =
  | 'command'
  | 'exec'
  | 'file'
  | 'timeout'
  | 'bootTimeout'
  | 'silence'
  | 'expected'
  | 'shard'
  | 'times'
  | 'with'
  | 'build'
  | 'junit'
  | 'html';

/** The options, parsed. They are checked before anything is done. */
export interface RunSettings extends Omit<RunOptions, ParsedOption> {
  command: CommandRequest | undefined;
  limits: TimeLimits;
  expected: readonly ExpectedSplat[];
  /** The part of the tests that is run; undefined: all. */
  shard: Shard | undefined;
  servers: readonly ServerRequest[];
  /** Program and arguments that build the kernel. */
  build: [string, ...string[]] | undefined;
  /** Absolute path for a copy of junit.xml. */
  junit: string | undefined;
  /** Absolute path for the page of the run. */
  html: string | undefined;
}

/** A server of `--with`. */
export interface ServerRequest {
  /** Name of its cut, as given by the user. */
  name: string;
  /** Number of its VM; undefined: the lowest free one. */
  number: number | undefined;
}

/** @throws UsageError */
export function readRunOptions(options: RunOptions, cwd: string): RunSettings {
  const { command, exec, file, timeout, bootTimeout, silence, ...others } = options;
  const { expected, shard: _, times: __, with: servers, build, junit, html, ...rest } = others;
  checkVmOptions(options);
  checkDiskOptions(options.disk, cwd, process.env);
  return {
    ...rest,
    command: chooseCommand({ command, exec, file }),
    limits: {
      total: parseDuration('--timeout', timeout),
      boot: parseDuration('--boot-timeout', bootTimeout),
      silence: parseDuration('--silence', silence),
    },
    expected: expected === undefined ? [] : readExpected(resolve(cwd, expected)),
    shard: readShard(options, cwd),
    servers: parseServers(servers ?? []),
    build: build === undefined ? undefined : splitBuild(build),
    junit: junit === undefined ? undefined : resolve(cwd, junit),
    html: html === undefined ? undefined : resolve(cwd, html),
  };
}

function chooseCommand({
  command,
  exec,
  file,
}: Pick<RunOptions, 'command' | 'exec' | 'file'>): CommandRequest | undefined {
  const given = [
    ...(command === undefined ? [] : [{ arguments: command }]),
    ...(exec === undefined ? [] : [{ shell: exec }]),
    ...(file === undefined ? [] : [{ script: file }]),
  ];
  if (given.length > 1) {
    throw new UsageError('give only one of -x, -f and `--`');
  }
  if (exec?.trim() === '') {
    throw new UsageError('-x: the command is empty', { hint: "-x 'uname -a'" });
  }
  if (command?.length === 0 || command?.[0]?.length === 0) {
    throw new UsageError('no command given after `--`', {
      hint: 'rapido run NAME -- ls -l /dev',
    });
  }
  return given[0];
}

function parseServers(texts: readonly string[]): ServerRequest[] {
  const servers = texts.map(parseServer);
  for (const server of servers) {
    const { name, number } = server;
    const first = servers.find((one) => one.number === number) ?? server;
    if (number === undefined || first === server) continue;
    throw new UsageError(`--with: VM ${number} is assigned to both ${first.name} and ${name}`, {
      hint: `--with ${first.name}:${number} --with ${name}`,
    });
  }
  return servers;
}

function parseServer(text: string): ServerRequest {
  const [, name, number] = /^([^:]+)(?::([1-9]\d{0,2}))?$/.exec(text) ?? [];
  if (name !== undefined) {
    return { name, number: number === undefined ? undefined : Number(number) };
  }
  throw new UsageError(`--with: "${text}" is not TARGET or TARGET:VM`, {
    hint: 'for example: --with nfsd-xfs or --with nfsd-xfs:1',
  });
}

/** Words that only a shell understands: operators, redirections, substitutions. */
const SHELL_WORD = /^(&&|\|\||[;|&])$|;$|^\d*[<>]|\$\(|`/;

function splitBuild(text: string): [string, ...string[]] {
  const [program, ...args] = splitArguments(text) ?? [];
  if (program === undefined) {
    throw new UsageError(`--build: "${text}" is not a command, or has an unclosed quote`, {
      hint: '--build "make -j8"',
    });
  }
  const shellWord = args.find((word) => SHELL_WORD.test(word));
  // The program is a shell, so the operators are passed to it on purpose.
  if (shellWord === undefined || /(^|\/)\w*sh$/.test(program)) return [program, ...args];
  throw new UsageError(
    `--build: "${shellWord}" requires a shell, but the command runs without one`,
    {
      hint: 'use a single command or a script; rapido installs the modules itself',
    },
  );
}

/** How long a kernel may take to start its init, in milliseconds: emulation is slow, hosts are busy. */
const BOOT_LIMIT = { kvm: 60_000, tcg: 300_000 } as const;

/** @param asked value of --boot-timeout @returns milliseconds */
export function bootLimit(asked: number | undefined, { kind }: Accelerator): number {
  return asked ?? BOOT_LIMIT[kind];
}
