import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { basename, join } from 'node:path/posix';
import type { CpioEntry } from '../formats/cpio/write.ts';
import type { DhcpClient } from '../net/dhcp-client.ts';
import type { NetConf } from '../net/net-conf.ts';
import { type DirectoryLinks, directoryMaker, parentMode, resolveGuestPath } from './guest-path.ts';
import type { OverlayEntry } from './overlay-entry.ts';
import { mayBootSystemd, networkdEntries, systemdEntries } from './systemd.ts';

/** A script that runs in the guest after boot. */
export interface AutorunScript {
  /** Used in messages and for the file name. */
  name: string;
  content: Buffer;
  /** The host file; undefined for a command of the command line. */
  path?: string;
}

export interface OverlayRequest {
  cut: string;
  /** PATH of the guest; undefined for that of init. */
  searchPath: readonly string[] | undefined;
  /** See `hostMountEntries`. */
  hostMounts: readonly OverlayEntry[];
  /** The place in the image of a file of the guest: see `placeBelowMounts`. */
  place: (path: string) => string;
  /** Files of guest/, by name. */
  guestFiles: Readonly<Record<GuestFile, Buffer>>;
  /** See `unlockptProgram`. */
  unlockpt: Buffer;
  /** Modules that init loads. */
  loadModules: readonly string[];
  /** Modules that init loads if the VM has a disk on a bus, by bus. */
  loadForDisks: Readonly<Record<string, readonly string[]>>;
  /** Modules that init loads if the VM has directories of the host (`--share`). */
  loadForShares: readonly string[];
  /** What the network of the VM needs; undefined if the image is for VMs without a network. */
  network:
    | {
        loadModules: readonly string[];
        dhcpClient: DhcpClient | undefined;
        netConf: NetConf;
      }
    | undefined;
  /** zram devices that init creates, name to bytes, unless the VM has a disk with that serial. */
  zram: Readonly<Record<string, number>>;
  autorun: readonly AutorunScript[];
  /** The directory in which autorun scripts and the shell start. */
  directory: string | undefined;
  /** Conf keys that the cut declares, with their values. */
  conf: Readonly<Record<string, string>>;
  /** Guest paths of trees and programs. No filesystem may be mounted over them. */
  occupied: readonly string[];
  /** What PID 1 executes; undefined for the session. */
  init: 'systemd' | undefined;
  /** Guest path to content. */
  contents: Readonly<Record<string, string>>;
  /** Guest paths of programs outside the system directories, which get links in /usr/local/bin. */
  programs: readonly string[];
  /** terminfo files by their path below the database, `x/xterm`. */
  terminfo: Readonly<Record<string, Buffer>>;
  /** The command of `rapido run`. */
  command: GuestCommand | undefined;
  /** Tests whose results an earlier boot of the run has reported. */
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

/** The command of an unattended run. */
export interface GuestCommand {
  /** Program and arguments, as bytes: anything but NUL is allowed. */
  words: readonly Buffer[];
  /** A script that goes into COMMAND_DIRECTORY; the words name it. */
  script: AutorunScript | undefined;
}

export const COMMAND_DIRECTORY = '/rapido/command';

/** Names of tests, one per line, that scripts omit or skip. */
const DONE_FILE = '/rapido/tests-done';

/** Plans the last layer: rapido's own files for the guest, and everything that changes with every call. */
export function planOverlay(request: OverlayRequest): OverlayEntry[] {
  const { guestFiles } = request;
  const netConf: NetConf = request.network?.netConf ?? new Map();
  const entries: OverlayEntry[] = [
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
    ...request.hostMounts,
  ];
  return entries.map((entry) => ({ ...entry, path: request.place(entry.path) }));
}

/** Minimal databases, so that user names and hostnames can be looked up without the host's databases. */
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
  // Without it, only the first line with a name counts, so a name has either an IPv4 or an IPv6 address.
  { path: '/etc/host.conf', mode: 0o644, data: 'multi on\n' },
];

/**
 * The overlay's archive members. Databases that the userspace layer already has are not replaced.
 * @param provided paths of the files that dracut created in /etc, without the leading slash
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

/** A digest by which overlays can be compared without writing them. */
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

/** `00-simple-example.sh`: only characters that are safe in a list of the guest and in the control channel. */
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

/** The filesystems that init mounts, in order, for fstab(5). init mounts /proc before that. */
const MOUNTS = [
  ['sysfs', '/sys', 'sysfs', 'nosuid,nodev,noexec'],
  ['devtmpfs', '/dev', 'devtmpfs', 'nosuid,mode=755'],
  ['devpts', '/dev/pts', 'devpts', 'nosuid,noexec,gid=5,mode=620,ptmxmode=666,X-mount.mkdir'],
  ['tmpfs', '/dev/shm', 'tmpfs', 'nosuid,nodev,X-mount.mkdir'],
  ['tmpfs', '/run', 'tmpfs', 'nosuid,nodev,mode=755'],
  ['tmpfs', '/tmp', 'tmpfs', 'nosuid,nodev,mode=1777'],
  ['debugfs', '/sys/kernel/debug', 'debugfs', 'nosuid,nodev,noexec'],
] as const;

/** Omits a tmpfs that would hide files of the image, such as trees from below /tmp or /run. */
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
    `RAPIDO_MODULES_shares=${quoteForShell(request.loadForShares.join(' '))}`,
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
    ...(request.searchPath === undefined
      ? []
      : [`PATH=${quoteForShell(request.searchPath.join(':'))}`]),
    ...Object.entries(request.conf).map(([key, value]) => `export ${key}=${quoteForShell(value)}`),
    '',
  ].join('\n');
}

function formatZram(zram: OverlayRequest['zram']): string[] {
  const words = Object.entries(zram).map(([name, bytes]) => `${name}=${bytes}`);
  return words.length === 0 ? [] : [`RAPIDO_ZRAM=${quoteForShell(words.join(' '))}`];
}

/** The command as a bash array, byte for byte. */
function formatCommand(command: GuestCommand | undefined): Buffer {
  const words = (command?.words ?? []).map((word) => quoteForShell(word.toString('latin1')));
  return Buffer.from(`RAPIDO_COMMAND=(${words.join(' ')})\n`, 'latin1');
}

/** Quotes a word for a POSIX shell. */
export function quoteForShell(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}
