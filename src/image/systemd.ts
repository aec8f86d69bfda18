import type { OverlayEntry } from './overlay-entry.ts';

/** dracut's module, which brings systemd, its journal, udev and the units that all systems have. */
export const SYSTEMD_DRACUT_MODULE = 'systemd';

/** Kernel modules that it looks for. */
export const SYSTEMD_DRIVERS = ['autofs4', 'unix'];

/** Where distributions have it; guest/init looks there, too. */
export const SYSTEMD_PATHS = ['/usr/lib/systemd/systemd', '/lib/systemd/systemd'];

/**
 * What makes systemd start the session. Without a person there is nobody to wait for: what does not
 * stop, or crashes PID 1, ends the VM.
 */
export function systemdEntries(service: Buffer): OverlayEntry[] {
  const file = (path: string, data: string | Buffer): OverlayEntry => ({ path, mode: 0o644, data });
  return [
    file('/etc/systemd/system/rapido.service', service),
    // guest/init writes a file into it, and has no mkdir.
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
    // It would look for partitions of this host's kind on disks that are to be tested.
    { path: '/etc/systemd/system-generators/systemd-gpt-auto-generator', target: '/dev/null' },
    file('/etc/passwd', formatPasswd()),
    file('/etc/group', formatGroup()),
  ];
}

/** Those that its units and rules name, beside the two that every system has. */
const USERS = ['systemd-journal', 'systemd-network'];
const GROUPS = [
  ...['adm', 'audio', 'cdrom', 'dialout', 'disk', 'input', 'kmem', 'kvm', 'lp', 'render', 'sgx'],
  ...['tape', 'users', 'utmp', 'video', 'wheel', ...USERS],
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
