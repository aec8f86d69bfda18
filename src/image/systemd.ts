import { join } from 'node:path';
import { findProgram, SYSTEM_DIRECTORIES } from '../host/programs.ts';
import type { NetConf } from '../net/net-conf.ts';
import { isExecutableFile, isFile, listIfReachable } from '../sys/stat.ts';
import type { OverlayEntry } from './overlay-entry.ts';
import type { Problem } from './resolve-request.ts';

/**
 * The dracut modules that install systemd and its basic services: the journal, udev, and the services that
 * apply tmpfiles.d(5), sysctl.d(5) and modules-load.d(5). In dracut 059 the first module installs all of them, in
 * 106 only PID 1.
 */
const DRACUT_MODULES = [
  'systemd',
  'systemd-journald',
  'systemd-udevd',
  'systemd-tmpfiles',
  'systemd-sysctl',
  'systemd-modules-load',
];

/** Programs of these modules, and the units that run them. */
const SERVICES = [
  { program: 'systemd-journald', unit: 'systemd-journald.service' },
  { program: 'systemd-udevd', unit: 'systemd-udevd.service' },
  { program: 'systemd-tmpfiles', unit: 'systemd-tmpfiles-setup.service' },
  { program: 'systemd-sysctl', unit: 'systemd-sysctl.service' },
  { program: 'systemd-modules-load', unit: 'systemd-modules-load.service' },
];

/** Kernel modules that systemd loads. */
export const SYSTEMD_DRIVERS = ['autofs4', 'unix'];

/** Where distributions install systemd; guest/init searches the same directories. */
const SYSTEMD_DIRECTORIES = ['/usr/lib/systemd', '/lib/systemd'];

/** Finds a program of systemd, which is not in PATH. */
function findInSystemd(name: string): string | undefined {
  return SYSTEMD_DIRECTORIES.map((directory) => join(directory, name)).find(isExecutableFile);
}

/**
 * Those dracut modules for systemd that this dracut has: releases before 054 have only the first.
 * @param library dracut's directory, which contains modules.d
 */
export function systemdDracutModules(library: string): string[] {
  const known = listIfReachable(join(library, 'modules.d')).map((name) => name.replace(/^\d+/, ''));
  return DRACUT_MODULES.filter((name, index) => index === 0 || known.includes(name));
}

/** Host paths of the unit files that these modules must install. */
export function systemdUnits(): string[] {
  return SERVICES.flatMap(({ unit }) => {
    const paths = SYSTEMD_DIRECTORIES.map((directory) => join(directory, 'system', unit));
    return paths.find(isFile) ?? [];
  });
}

/** Whether PID 1 of a VM with this image may be systemd, because of the cut or of the VM's network files. */
export function mayBootSystemd(init: 'systemd' | undefined, netConf: NetConf): boolean {
  return init === 'systemd' || netConf.size > 0;
}

/** @param key the field of the cut, or the conf key, that requires systemd */
export function requireSystemd(key: string, problems: Problem[]): void {
  if (findInSystemd('systemd') === undefined) {
    problems.push({ message: `${key}: systemd not found on this host`, program: 'systemctl' });
    return;
  }
  for (const { program } of SERVICES) {
    if ((findInSystemd(program) ?? findProgram(program, SYSTEM_DIRECTORIES)) !== undefined)
      continue;
    problems.push({ message: `${key}: ${program} not found on this host`, program });
  }
}

/** Finds the programs that set up the network from the files of VM_NET_CONF. */
export function findNetworkd(problems: Problem[]): string[] {
  return ['systemd-networkd', 'systemd-networkd-wait-online'].flatMap((name) => {
    const path = findInSystemd(name);
    if (path !== undefined) return [path];
    problems.push({
      message: `VM_NET_CONF: ${name} not found on this host`,
      program: 'systemd-networkd',
    });
    return [];
  });
}

/**
 * The files with which systemd starts the session. Nobody may be there to intervene, so a service that does not
 * stop is killed after a time, and a crash of PID 1 ends the VM.
 */
export function systemdEntries(service: Buffer): OverlayEntry[] {
  const file = (path: string, data: string | Buffer): OverlayEntry => ({ path, mode: 0o644, data });
  return [
    file('/etc/systemd/system/rapido.service', service),
    // guest/init writes a file into it, and the image may lack mkdir.
    { path: '/etc/systemd/system/rapido.service.d', directory: true },
    {
      path: '/etc/systemd/system/multi-user.target.wants/rapido.service',
      target: '/etc/systemd/system/rapido.service',
    },
    {
      path: '/etc/systemd/system/default.target',
      target: '/usr/lib/systemd/system/multi-user.target',
    },
    file(
      '/etc/systemd/system.conf.d/rapido.conf',
      '[Manager]\nShowStatus=auto\nCrashReboot=yes\nDefaultTimeoutStopSec=10s\n',
    ),
    // It would search the disks under test for partitions of this architecture.
    { path: '/etc/systemd/system-generators/systemd-gpt-auto-generator', target: '/dev/null' },
    // systemd copies this file for its services, and warns if it is missing.
    file('/etc/os-release', 'NAME=rapido\nID=rapido\nPRETTY_NAME=rapido\n'),
    file('/etc/passwd', formatPasswd()),
    file('/etc/group', formatGroup()),
  ];
}

/** Where guest/init finds the network files of the VM. */
const NET_CONF_DIRECTORY = '/rapido/net-conf';

/** Without these options, some drivers create interfaces when they are loaded: bond0, dummy0, ifb0. */
const NO_INTERFACES_AT_LOAD = [
  'options bonding max_bonds=0',
  'options dummy numdummies=0',
  'options ifb numifbs=0\n',
].join('\n');

/** The files of systemd-networkd, which guest/init enables if the VM has network files. */
export function networkdEntries(netConf: NetConf, service: Buffer, wait: Buffer): OverlayEntry[] {
  return [
    // networkd creates these interfaces itself, and does not configure existing ones.
    { path: '/etc/modprobe.d/networkd.conf', mode: 0o644, data: NO_INTERFACES_AT_LOAD },
    { path: '/etc/systemd/system/systemd-networkd.service', mode: 0o644, data: service },
    { path: '/rapido/await-network', mode: 0o755, data: wait },
    // guest/init copies the files there, and the image may lack mkdir.
    { path: '/etc/systemd/network', directory: true },
    ...[...netConf].flatMap(([number, { files }]) =>
      files.map(({ name, data }) => ({
        path: `${NET_CONF_DIRECTORY}/vm${number}/${name}`,
        mode: 0o644,
        data,
      })),
    ),
  ];
}

/** Users and groups that units and rules of systemd name, other than root and nobody. */
const USERS = ['systemd-journal', 'systemd-network'];
// biome-ignore format: a list of short words
const GROUPS = [
  'adm', 'audio', 'cdrom', 'clock', 'dialout', 'disk', 'input', 'kmem', 'kvm', 'lp', 'render',
  'sgx', 'tape', 'users', 'utmp', 'video', 'wheel', ...USERS,
];
const FIRST_ID = 900;

function formatPasswd(): string {
  const id = (name: string): number => FIRST_ID + GROUPS.indexOf(name);
  return [
    'root:x:0:0:root:/root:/bin/bash',
    ...USERS.map((name) => `${name}:x:${id(name)}:${id(name)}::/:/bin/false`),
    'nobody:x:65534:65534:nobody:/:/bin/false\n',
  ].join('\n');
}

function formatGroup(): string {
  return [
    'root:x:0:',
    'tty:x:5:',
    ...GROUPS.map((name, index) => `${name}:x:${FIRST_ID + index}:`),
    'nogroup:x:65534:\n',
  ].join('\n');
}
