import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { basename, join } from 'node:path/posix';
import type { CpioEntry } from '../formats/cpio/write.ts';
import type { DhcpClient } from '../net/dhcp-client.ts';
import type { NetConf } from '../net/net-conf.ts';
import { type DirectoryLinks, directoryMaker, parentMode, resolveGuestPath } from './guest-path.ts';
import type { OverlayEntry } from './overlay-entry.ts';
import { mayBootSystemd, networkdEntries, systemdEntries } from './systemd.ts';

/** A script that runs in the guest once it is up. */
export interface AutorunScript {
  /** For messages and the file name. */
  name: string;
  content: Buffer;
  /** The file that it was; undefined: it was typed. */
  path?: string;
}

export interface OverlayRequest {
  cut: string;
  /** Files of guest/, by name. */
  guestFiles: Readonly<Record<GuestFile, Buffer>>;
  /** See `unlockptProgram`. */
  unlockpt: Buffer;
  /** Modules that init loads. */
  loadModules: readonly string[];
  /** Modules that init loads where the VM has a disk on a bus, by the bus. */
  loadForDisks: Readonly<Record<string, readonly string[]>>;
  /** What its VM's network takes; undefined: it has none. */
  network:
    | {
        loadModules: readonly string[];
        dhcpClient: DhcpClient | undefined;
        netConf: NetConf;
      }
    | undefined;
  /** zram devices that init makes, from name to bytes, unless the VM has such a disk. */
  zram: Readonly<Record<string, number>>;
  autorun: readonly AutorunScript[];
  /** Where autorun scripts and the prompt start. */
  directory: string | undefined;
  /** Conf keys that the cut declares, with their values. */
  conf: Readonly<Record<string, string>>;
  /** Guest paths of trees and programs: nothing may be mounted over them. */
  occupied: readonly string[];
  /** What PID 1 becomes; undefined: the session. */
  init: 'systemd' | undefined;
  /** Guest path to content. */
  contents: Readonly<Record<string, string>>;
  /** Guest path of a program outside the usual directories, which gets a link in /usr/local/bin. */
  programs: readonly string[];
  /** terminfo files by their path below the database, `x/xterm`. */
  terminfo: Readonly<Record<string, Buffer>>;
  /** What `rapido run` runs. */
  command: GuestCommand | undefined;
  /** Tests that an earlier boot of the run has told. */
  done: readonly string[];
}

export const GUEST_FILES = [
  'init',
  'network',
  'dhcp-lease',
  'session',
  'power-off',
  'bashrc',
  'lib.sh',
  'rapido.service',
  'systemd-networkd.service',
  'await-network',
] as const;

export type GuestFile = (typeof GUEST_FILES)[number];

/** The command that a guest runs with nobody watching. */
export interface GuestCommand {
  /** Program and arguments, byte for byte: nothing but NUL is excluded. */
  words: readonly Buffer[];
  /** A script that goes into COMMAND_DIRECTORY; the words name it. */
  script: AutorunScript | undefined;
}

export const COMMAND_DIRECTORY = '/rapido/command';

/** Names of tests, a line each, that scripts leave out or skip. */
const DONE_FILE = '/rapido/tests-done';

/** Plans the topmost layer: rapido's own part of the guest and what changes with every call. */
export function planOverlay(request: OverlayRequest): OverlayEntry[] {
  const { guestFiles } = request;
  const netConf: NetConf = request.network?.netConf ?? new Map();
  return [
    ...['/dev', '/proc', '/sys', '/run', '/tmp', '/root', '/mnt', '/host'].map(directory),
    directory('/rapido/results'),
    script('/init', guestFiles.init),
    ...(request.network === undefined ? [] : [script('/rapido/network', guestFiles.network)]),
    ...(request.network?.dhcpClient === undefined
      ? []
      : [script('/rapido/dhcp-lease', guestFiles['dhcp-lease'])]),
    script('/rapido/session', guestFiles.session),
    script('/rapido/power-off', guestFiles['power-off']),
    script('/rapido/unlockpt', request.unlockpt),
    { path: '/rapido/bashrc', mode: 0o644, data: guestFiles.bashrc },
    { path: '/rapido/lib.sh', mode: 0o644, data: guestFiles['lib.sh'] },
    { path: '/rapido/fstab', mode: 0o644, data: formatFstab(request.occupied) },
    { path: '/rapido/boot.sh', mode: 0o600, data: formatBootScript(request) },
    { path: '/rapido/disks.sh', mode: 0o644, data: 'declare -A RAPIDO_DISKS=()\n' },
    ...DEVICE_LINKS.map(([name, target]) => ({ path: `/rapido/dev/${name}`, target })),
    ...['shutdown', 'poweroff', 'halt', 'reboot'].map((name) => ({
      path: `/usr/sbin/${name}`,
      target: '/rapido/power-off',
    })),
    ...request.autorun.map((autorun, index) =>
      script(`/rapido/autorun/${scriptFileName(autorun, index)}`, autorun.content),
    ),
    { path: '/rapido/command.sh', mode: 0o600, data: formatCommand(request.command) },
    ...(request.command?.script === undefined
      ? []
      : [
          script(
            join(COMMAND_DIRECTORY, request.command.script.name),
            request.command.script.content,
          ),
        ]),
    ...(request.done.length === 0
      ? []
      : [{ path: DONE_FILE, mode: 0o644, data: `${request.done.join('\n')}\n` }]),
    ...request.programs.map((path) => ({
      path: `/usr/local/bin/${basename(path)}`,
      target: path,
    })),
    ...Object.entries(request.terminfo).map(([name, data]) => ({
      path: `/usr/share/terminfo/${name}`,
      mode: 0o644,
      data,
    })),
    ...(mayBootSystemd(request.init, netConf) ? systemdEntries(guestFiles['rapido.service']) : []),
    ...(netConf.size > 0
      ? networkdEntries(
          netConf,
          guestFiles['systemd-networkd.service'],
          guestFiles['await-network'],
        )
      : []),
    ...Object.entries(request.contents).map(([path, data]) => ({ path, mode: 0o644, data })),
  ];
}

/** What makes an id, a login name or a host name work without the host's own databases. */
const DATABASES: readonly OverlayEntry[] = [
  {
    path: '/etc/passwd',
    mode: 0o644,
    data: 'root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/:/bin/false\n',
  },
  { path: '/etc/group', mode: 0o644, data: 'root:x:0:\ntty:x:5:\nnogroup:x:65534:\n' },
  {
    path: '/etc/hosts',
    mode: 0o644,
    data: '127.0.0.1 localhost\n::1 localhost ip6-localhost\n',
  },
  {
    path: '/etc/nsswitch.conf',
    mode: 0o644,
    data: 'passwd: files\ngroup: files\nhosts: files dns\n',
  },
  // Else a name has the address of the first line that has it, and none of the other kind.
  { path: '/etc/host.conf', mode: 0o644, data: 'multi on\n' },
];

/**
 * The overlay's archive members. Databases that the userspace layer already has are left alone.
 * @param provided paths below the root, without the leading slash, that dracut made in /etc
 */
export function overlayMembers(
  entries: readonly OverlayEntry[],
  provided: readonly string[],
  links: DirectoryLinks,
): CpioEntry[] {
  const absent = DATABASES.filter(({ path }) => !provided.includes(path.slice(1)));
  const makeDirectories = directoryMaker(links);
  return [...absent, ...entries].flatMap((entry) => {
    const path = resolveGuestPath(entry.path, links);
    return [...makeDirectories(path), toMember(path, entry)];
  });
}

function toMember(path: string, entry: OverlayEntry): CpioEntry {
  if ('directory' in entry) return { path, mode: constants.S_IFDIR | parentMode(path) };
  if ('target' in entry) return { path, mode: constants.S_IFLNK | 0o777, target: entry.target };
  return { path, mode: constants.S_IFREG | entry.mode, data: entry.data };
}

/** Tells whether two overlays are the same without writing them. */
export function digestMembers(members: readonly CpioEntry[]): string {
  const hash = createHash('sha256');
  for (const { path, mode, ...content } of members) {
    hash.update(`${path}\0${mode}\0`);
    if ('data' in content) hash.update(content.data);
    if ('target' in content) hash.update(content.target);
    hash.update('\0');
  }
  return hash.digest('hex');
}

function directory(path: string): OverlayEntry {
  return { path, directory: true };
}

function script(path: string, data: Buffer): OverlayEntry {
  return { path, mode: 0o755, data };
}

/** `00-simple-example.sh`: letters that are safe in the guest's list and in the control channel. */
function scriptFileName(autorun: AutorunScript, index: number): string {
  const name = autorun.name.replace(/[^\w.-]+/g, '_').slice(0, 60);
  return `${String(index).padStart(2, '0')}-${name}`;
}

const DEVICE_LINKS = [
  ['fd', '/proc/self/fd'],
  ['stdin', '/proc/self/fd/0'],
  ['stdout', '/proc/self/fd/1'],
  ['stderr', '/proc/self/fd/2'],
] as const;

/** fstab(5) of what init mounts, in order; /proc is there already. */
const MOUNTS = [
  ['sysfs', '/sys', 'sysfs', 'nosuid,nodev,noexec'],
  ['devtmpfs', '/dev', 'devtmpfs', 'nosuid,mode=755'],
  ['devpts', '/dev/pts', 'devpts', 'nosuid,noexec,gid=5,mode=620,ptmxmode=666,X-mount.mkdir'],
  ['tmpfs', '/dev/shm', 'tmpfs', 'nosuid,nodev,X-mount.mkdir'],
  ['tmpfs', '/run', 'tmpfs', 'nosuid,nodev,mode=755'],
  ['tmpfs', '/tmp', 'tmpfs', 'nosuid,nodev,mode=1777'],
  ['debugfs', '/sys/kernel/debug', 'debugfs', 'nosuid,nodev,noexec'],
] as const;

/** What was cut from below /tmp or /run must not be hidden by a tmpfs mounted there. */
function formatFstab(occupied: readonly string[]): string {
  return MOUNTS.filter(
    ([type, where]) =>
      type !== 'tmpfs' || !occupied.some((path) => path === where || path.startsWith(`${where}/`)),
  )
    .map(([device, where, type, options]) => `${device} ${where} ${type} ${options} 0 0\n`)
    .join('');
}

/** The variables that init and the session read. */
function formatBootScript(request: OverlayRequest): string {
  const autorun = request.autorun.map(scriptFileName).map(quoteForShell).join(' ');
  return [
    `RAPIDO_CUT=${quoteForShell(request.cut)}`,
    `RAPIDO_MODULES=${quoteForShell(request.loadModules.join(' '))}`,
    ...Object.entries(request.loadForDisks).map(
      ([bus, names]) => `RAPIDO_MODULES_${bus}=${quoteForShell(names.join(' '))}`,
    ),
    ...(request.network === undefined
      ? []
      : [`RAPIDO_MODULES_network=${quoteForShell(request.network.loadModules.join(' '))}`]),
    ...(request.network?.dhcpClient === undefined
      ? []
      : [`RAPIDO_DHCP_CLIENT=${request.network.dhcpClient}`]),
    ...formatZram(request.zram),
    `RAPIDO_AUTORUN=(${autorun})`,
    ...(request.init === undefined ? [] : [`RAPIDO_INIT=${request.init}`]),
    `RAPIDO_DIRECTORY=${quoteForShell(request.directory ?? '')}`,
    ...Object.entries(request.conf).map(([key, value]) => `export ${key}=${quoteForShell(value)}`),
    '',
  ].join('\n');
}

function formatZram(zram: OverlayRequest['zram']): string[] {
  const words = Object.entries(zram).map(([name, bytes]) => `${name}=${bytes}`);
  return words.length === 0 ? [] : [`RAPIDO_ZRAM=${quoteForShell(words.join(' '))}`];
}

/** The command as an array of bash, with whatever bytes are in it. */
function formatCommand(command: GuestCommand | undefined): Buffer {
  const words = (command?.words ?? []).map((word) => quoteForShell(word.toString('latin1')));
  return Buffer.from(`RAPIDO_COMMAND=(${words.join(' ')})\n`, 'latin1');
}

/** A word that a POSIX shell takes as it is, whatever is in it. */
export function quoteForShell(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}
