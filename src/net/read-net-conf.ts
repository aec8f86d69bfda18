import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Conf } from '../conf/conf.ts';
import { INTERFACE_NAME } from '../conf/network-values.ts';
import { VM_KEYS } from '../conf/schema.ts';
import { parseConfValue } from '../conf/types.ts';
import { errorCode, UsageError } from '../errors.ts';
import { ownFile } from '../host/directories.ts';
import { isDirectory } from '../sys/stat.ts';
import { readTrusted, type Trust, trustOf } from '../sys/trust.ts';
import { type NamedNetworkFile, type NetConf, type VmNetConf, withNetConf } from './net-conf.ts';
import { NetworkFileError, parseNetdevKinds, parseNetworkFile } from './networkd-files.ts';

/**
 * Reads the network files of all VMs and adds their settings to the conf, see `withNetConf`.
 * @throws UsageError if they cannot be used
 */
export function applyNetConf(conf: Conf): { conf: Conf; netConf: NetConf } {
  const netConf = readNetConf(conf);
  return { conf: withNetConf(conf, netConf), netConf };
}

/**
 * Reads the network files of all VMs from VM_NET_CONF. Returns an empty map if it is not set.
 * @throws UsageError with all problems of the files
 */
export function readNetConf(conf: Conf): NetConf {
  const directory = conf.get('VM_NET_CONF');
  if (directory === undefined) return new Map();
  const trust = trustOf(conf.input.surroundings.env);
  const problems: string[] = [];
  const numbers = list(directory, problems)
    .flatMap((name) => /^vm([1-9]\d{0,3})$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
  if (problems.length === 0 && numbers.length === 0) {
    problems.push(`${directory}: contains no directory vm1, vm2 …`);
  }
  const netConf = new Map(
    numbers.map((number) => [number, readVm(join(directory, `vm${number}`), trust, problems)]),
  );
  if (problems.length === 0) return netConf;
  throw new UsageError('VM_NET_CONF: the network files of the VMs cannot be used', {
    problems,
    hint: `see "With systemd-networkd" in ${ownFile('docs/networking.md')}; without VM_NET_CONF, the sections [vm1] … determine the network`,
  });
}

/** Files that systemd-networkd and udevd read, including drop-ins. */
const SYSTEMD_FILE = /\.(network|netdev|link)(\.d\/[^/]+\.conf)?$/;

function readVm(path: string, trust: Trust, problems: string[]): VmNetConf {
  const before = problems.length;
  const names = list(path, problems).flatMap((name) =>
    name.endsWith('.d') && isDirectory(join(path, name))
      ? list(join(path, name), problems).map((dropIn) => `${name}/${dropIn}`)
      : [name],
  );
  const files = names
    .filter((name) => SYSTEMD_FILE.test(name))
    .sort()
    .flatMap((name) => {
      const data = read(join(path, name), trust, problems);
      return data === undefined ? [] : [{ name, data }];
    });
  /** The text of a file and its drop-ins. */
  const textOf = (name: string): string =>
    files
      .filter((file) => file.name === name || file.name.startsWith(`${name}.d/`))
      .map(({ data }) => data.toString())
      .join('\n');
  const networks = files
    .filter(({ name }) => name.endsWith('.network'))
    .flatMap(({ name }) => parse(path, name, textOf(name), problems));
  // A directory that could not be listed is already reported.
  if (problems.length === before && !names.some((name) => name.endsWith('.network'))) {
    problems.push(`${path}: contains no *.network file`);
  }
  const netdevs = files.filter(({ name }) => name.endsWith('.netdev'));
  return {
    path,
    files,
    networks,
    kinds: netdevs.flatMap(({ name }) => parseNetdevKinds(textOf(name))),
    hostname: names.includes('hostname')
      ? readHostname(join(path, 'hostname'), trust, problems)
      : undefined,
  };
}

function parse(path: string, name: string, text: string, problems: string[]): NamedNetworkFile[] {
  // The name is passed to the guest on the kernel's command line.
  if (!/^[\w@%+=:.-]+$/.test(name)) {
    problems.push(`${path}/${name}: the name may contain only letters, digits, ".", "_" and "-"`);
    return [];
  }
  try {
    const file = { name, ...parseNetworkFile(text) };
    if (file.match === 'unsaid' && !INTERFACE_NAME.test(name.replace(/\.network$/, ''))) {
      problems.push(
        `${path}/${name}: without [Match], it must have the name of its tap, such as rapido-tap1.network`,
      );
      return [];
    }
    return [file];
  } catch (error) {
    if (!(error instanceof NetworkFileError)) throw error;
    problems.push(`${path}/${name}:${error.message}`);
    return [];
  }
}

/** Reads the file with the hostname of a VM, as in the original tool. */
function readHostname(path: string, trust: Trust, problems: string[]): string | undefined {
  const text = read(path, trust, problems)?.toString().trim();
  if (text === undefined || text === '') return undefined;
  const hostname = parseConfValue(VM_KEYS.HOSTNAME, text);
  if (typeof hostname === 'string') return hostname;
  problems.push(`${path}: "${text}" is not a hostname`);
  return undefined;
}

function list(path: string, problems: string[]): string[] {
  try {
    return readdirSync(path).sort();
  } catch (error) {
    problems.push(explain(path, error));
    return [];
  }
}

/** Reads a file. It must be trusted like the conf, because root reads it to create the taps. */
function read(path: string, trust: Trust, problems: string[]): Buffer | undefined {
  try {
    const data = readTrusted(path, trust);
    if (Buffer.isBuffer(data)) return data;
    problems.push(`${path} is not trusted: ${data.path} ${data.why}`);
    return undefined;
  } catch (error) {
    problems.push(explain(path, error));
    return undefined;
  }
}

function explain(path: string, error: unknown): string {
  const code = errorCode(error);
  if (code === undefined) throw error;
  const reasons: Record<string, string> = {
    ENOENT: 'does not exist',
    ENOTDIR: 'is not a directory',
    EACCES: 'cannot be read by this user',
  };
  return `${path} ${reasons[code] ?? `cannot be read (${code})`}`;
}
