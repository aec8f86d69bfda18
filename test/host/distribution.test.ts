import { describe, expect, test } from 'vitest';
import {
  type Distribution,
  installCommand,
  packageOf,
  parseOsRelease,
} from '../../src/host/distribution.ts';

const SAMPLES = {
  Debian: `PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION_CODENAME=bookworm
ID=debian
HOME_URL="https://www.debian.org/"
`,
  Ubuntu: `PRETTY_NAME="Ubuntu 24.04.1 LTS"
NAME="Ubuntu"
VERSION_ID="24.04"
ID=ubuntu
ID_LIKE=debian
`,
  'openSUSE Leap': `NAME="openSUSE Leap"
VERSION="15.6"
ID="opensuse-leap"
ID_LIKE="suse opensuse"
PRETTY_NAME="openSUSE Leap 15.6"
`,
  'openSUSE Tumbleweed': `NAME="openSUSE Tumbleweed"
ID="opensuse-tumbleweed"
ID_LIKE="opensuse suse"
PRETTY_NAME="openSUSE Tumbleweed"
`,
  Fedora: `NAME="Fedora Linux"
VERSION="40 (Workstation Edition)"
ID=fedora
PLATFORM_ID="platform:f40"
PRETTY_NAME="Fedora Linux 40 (Workstation Edition)"
VARIANT_ID=workstation
`,
  Rocky: `NAME="Rocky Linux"
ID="rocky"
ID_LIKE="rhel centos fedora"
PRETTY_NAME='Rocky Linux 9.4 (Blue Onyx)'
`,
  'a derivative without ID_LIKE': 'ID=suse-microos\n',
  'an unknown one': 'NAME="Arch Linux"\nPRETTY_NAME="Arch Linux"\nID=arch\n',
  'one called like a property of every object': 'ID=constructor\n',
  'no os-release at all': '',
};

test.each(Object.entries(SAMPLES))('os-release of %s', (name, text) => {
  const { name: shown, packageManager } = parseOsRelease(text);
  expect(`${shown}: ${packageManager}`).toBe(
    {
      Debian: 'Debian GNU/Linux 12 (bookworm): apt',
      Ubuntu: 'Ubuntu 24.04.1 LTS: apt',
      'openSUSE Leap': 'openSUSE Leap 15.6: zypper',
      'openSUSE Tumbleweed': 'openSUSE Tumbleweed: zypper',
      Fedora: 'Fedora Linux 40 (Workstation Edition): dnf',
      Rocky: 'Rocky Linux 9.4 (Blue Onyx): dnf',
      'a derivative without ID_LIKE': 'unknown: zypper',
      'an unknown one': 'Arch Linux: undefined',
      'one called like a property of every object': 'unknown: undefined',
      'no os-release at all': 'unknown: undefined',
    }[name],
  );
});

describe('the command that installs missing programs', () => {
  const on = (packageManager: Distribution['packageManager']): Distribution => ({
    name: 'test',
    packageManager,
  });
  const programs = ['qemu-system-x86_64', 'dracut', 'flock', 'setpriv', 'ls'];

  test.each([
    ['apt', 'sudo apt install coreutils dracut-core qemu-system-x86 util-linux'],
    ['zypper', 'sudo zypper install coreutils dracut qemu-x86 util-linux'],
    ['dnf', 'sudo dnf install coreutils dracut qemu-system-x86-core util-linux'],
  ] as const)('%s: each package once', (manager, command) => {
    expect(installCommand(on(manager), programs, true)).toBe(command);
  });

  test('root needs no sudo', () => {
    expect(installCommand(on('apt'), ['xz'], false)).toBe('apt install xz-utils');
  });

  test('omits programs of unknown packages; if none is known, there is no command', () => {
    expect(installCommand(on('apt'), ['my-own-tool', 'fio'], false)).toBe('apt install fio');
    expect(installCommand(on('apt'), ['my-own-tool', 'toString'], false)).toBeUndefined();
    expect(installCommand(on(undefined), ['fio'], false)).toBeUndefined();
  });

  test('a package with the same name everywhere', () => {
    expect(packageOf('strace', 'dnf')).toBe('strace');
  });

  test.each([
    ['lsblk', 'util-linux', 'util-linux-systemd', 'util-linux'],
    ['kill', 'procps', 'util-linux', 'util-linux'],
    ['smbpasswd', 'samba-common-bin', 'samba-client', 'samba-common-tools'],
    ['systemd-udevd', 'udev', 'udev', 'systemd-udev'],
    ['systemd-modules-load', 'systemd', 'udev', 'systemd-udev'],
    ['getent', 'libc-bin', 'glibc', 'glibc-common'],
    ['dropbear', 'dropbear-bin', undefined, 'dropbear'],
  ])('%s, whose package differs between distributions', (program, apt, zypper, dnf) => {
    expect(packageOf(program, 'apt')).toBe(apt);
    expect(packageOf(program, 'zypper')).toBe(zypper);
    expect(packageOf(program, 'dnf')).toBe(dnf);
  });
});
