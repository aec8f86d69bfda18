import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterEach, describe, expect, it } from 'vitest';
import { packageOf } from '../../src/host/distribution.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

/** Programs that the script itself calls; PATH contains nothing else of this machine. */
const REAL_PROGRAMS = 'cat chmod chown env find ln mkdir node readlink sed stat touch'.split(' ');

/** Programs by the package that contains them. */
type Packages = Readonly<Record<string, readonly string[]>>;

/**
 * What rapido and its tests need, as Debian 12 and 13 have it (`apt-file search`), beside what setup itself runs.
 * What has a slash is no program: the kernel, its source.
 */
const DEBIAN: Packages = {
  'qemu-system-x86': ['qemu-system-x86_64'],
  'dracut-core': ['dracut'],
  kmod: ['modprobe'],
  'util-linux': ['setpriv', 'setsid', 'flock', 'dmesg'],
  mount: ['mount'],
  procps: ['ps'],
  cpio: ['cpio'],
  'xz-utils': ['xz'],
  zstd: ['zstd'],
  bash: ['bash'],
  iproute2: ['ip', 'ss'],
  'linux-image-amd64': ['/boot/vmlinuz-6.1.0', '/lib/modules/6.1.0/modules.dep'],
  bsdutils: ['script'],
  git: ['git'],
  shellcheck: ['shellcheck'],
  chromium: ['chromium'],
  bzip2: ['bzip2'],
  lz4: ['lz4'],
  'build-essential': ['gcc'],
  gdb: ['gdb'],
  'libarchive-tools': ['bsdcpio'],
  bsdextrautils: ['column'],
  'libxml2-utils': ['xmllint'],
  'vim-tiny': ['vi'],
  bc: ['bc'],
  zsh: ['zsh'],
  fish: ['fish'],
  'groff-base': ['groff'],
  systemd: ['systemctl', 'networkctl'],
  udev: ['udevadm'],
  dmsetup: ['dmsetup'],
  xfsprogs: ['mkfs.xfs'],
  'btrfs-progs': ['mkfs.btrfs'],
  exfatprogs: ['mkfs.exfat'],
  'f2fs-tools': ['mkfs.f2fs'],
  udftools: ['mkudffs'],
  rsync: ['rsync'],
  'dnsmasq-base': ['dnsmasq'],
  udhcpc: ['udhcpc'],
  busybox: ['busybox'],
  samba: ['smbd'],
  'samba-common-bin': ['smbpasswd'],
  'cifs-utils': ['mount.cifs'],
  'nfs-kernel-server': ['exportfs'],
  'nfs-common': ['mount.nfs'],
  rpcbind: ['rpcbind'],
  'iputils-ping': ['ping'],
  tgt: ['tgtd'],
  'open-iscsi': ['iscsid'],
  'dropbear-bin': ['dropbear'],
  'openssh-client': ['ssh'],
  'linux-source': ['/usr/src/linux-source-6.1.tar.xz'],
  debootstrap: ['debootstrap'],
};
const isProgram = (name: string): boolean => !name.includes('/');
const NEEDED = Object.values(DEBIAN).flat().filter(isProgram);

/**
 * The same in Fedora 43 (`dnf repoquery --list`). A path as a name is for dnf the package that has it, here
 * util-linux-script; until Fedora 42 that was util-linux.
 */
const FEDORA: Packages = {
  'qemu-system-x86-core': ['qemu-system-x86_64'],
  dracut: ['dracut'],
  kmod: ['modprobe'],
  'util-linux': ['setpriv', 'setsid', 'flock', 'dmesg', 'mount', 'column'],
  'procps-ng': ['ps'],
  cpio: ['cpio'],
  xz: ['xz'],
  zstd: ['zstd'],
  bash: ['bash'],
  iproute: ['ip', 'ss'],
  'kernel-core': ['/lib/modules/6.17.0/vmlinuz'],
  'kernel-modules': ['/lib/modules/6.17.0/kernel/fs/9p/9p.ko.xz'],
  '/usr/bin/script': ['script'],
  git: ['git'],
  ShellCheck: ['shellcheck'],
  chromium: ['chromium'],
  bzip2: ['bzip2'],
  lz4: ['lz4'],
  gcc: ['gcc'],
  gdb: ['gdb'],
  bsdcpio: ['bsdcpio'],
  libxml2: ['xmllint'],
  'vim-minimal': ['vi'],
  bc: ['bc'],
  zsh: ['zsh'],
  fish: ['fish'],
  'groff-base': ['groff'],
  systemd: ['systemctl'],
  'systemd-udev': ['udevadm'],
  'systemd-networkd': ['networkctl'],
  'device-mapper': ['dmsetup'],
  xfsprogs: ['mkfs.xfs'],
  'btrfs-progs': ['mkfs.btrfs'],
  exfatprogs: ['mkfs.exfat'],
  'f2fs-tools': ['mkfs.f2fs'],
  udftools: ['mkudffs'],
  rsync: ['rsync'],
  dnsmasq: ['dnsmasq'],
  busybox: ['busybox'],
  samba: ['smbd'],
  'samba-common-tools': ['smbpasswd'],
  'cifs-utils': ['mount.cifs'],
  'nfs-utils': ['exportfs', 'mount.nfs'],
  rpcbind: ['rpcbind'],
  iputils: ['ping'],
  'scsi-target-utils': ['tgtd'],
  'iscsi-initiator-utils': ['iscsid'],
  dropbear: ['dropbear'],
  'openssh-clients': ['ssh'],
};

/**
 * The same in openSUSE Tumbleweed (the spec files of Factory), which has no dropbear. systemd-networkd is provided
 * as systemd-network, too, as it is called in Leap 15.6.
 */
const OPENSUSE: Packages = {
  'qemu-x86': ['qemu-system-x86_64'],
  dracut: ['dracut'],
  kmod: ['modprobe'],
  'util-linux': ['setpriv', 'setsid', 'flock', 'dmesg', 'mount', 'column', 'script'],
  procps: ['ps'],
  cpio: ['cpio'],
  xz: ['xz'],
  zstd: ['zstd'],
  bash: ['bash'],
  iproute2: ['ip', 'ss'],
  'kernel-default': ['/lib/modules/6.17.0/vmlinuz'],
  git: ['git'],
  ShellCheck: ['shellcheck'],
  chromium: ['chromium'],
  bzip2: ['bzip2'],
  lz4: ['lz4'],
  gcc: ['gcc'],
  gdb: ['gdb'],
  bsdtar: ['bsdcpio'],
  'libxml2-tools': ['xmllint'],
  'vim-small': ['vi'],
  bc: ['bc'],
  zsh: ['zsh'],
  fish: ['fish'],
  groff: ['groff'],
  systemd: ['systemctl'],
  udev: ['udevadm'],
  'systemd-network': ['networkctl'],
  'device-mapper': ['dmsetup'],
  xfsprogs: ['mkfs.xfs'],
  btrfsprogs: ['mkfs.btrfs'],
  exfatprogs: ['mkfs.exfat'],
  'f2fs-tools': ['mkfs.f2fs'],
  udftools: ['mkudffs'],
  rsync: ['rsync'],
  dnsmasq: ['dnsmasq'],
  busybox: ['busybox'],
  samba: ['smbd'],
  'samba-client': ['smbpasswd'],
  'cifs-utils': ['mount.cifs'],
  'nfs-kernel-server': ['exportfs'],
  'nfs-client': ['mount.nfs'],
  rpcbind: ['rpcbind'],
  iputils: ['ping'],
  tgt: ['tgtd'],
  'open-iscsi': ['iscsid'],
  'openssh-clients': ['ssh'],
};

const machines: string[] = [];
afterEach(() => {
  for (const machine of machines.splice(0)) {
    chmodSync(join(machine, CHECKOUT), 0o755);
    rmSync(machine, { recursive: true, force: true });
  }
});

const CHECKOUT = 'a checkout';

interface Description {
  osRelease?: string;
  /** As `uname -m` prints it. */
  architecture?: string;
  root?: boolean;
  /** Programs of NEEDED that this machine lacks. */
  lacks?: readonly string[];
  kernel?: boolean;
  /** Whether npm packages, the build and the `rapido` command exist already. */
  ready?: boolean;
}

/** A machine in a directory: PATH is its bin/, RAPIDO_SETUP_ROOT the directory. */
function describeMachine(description: Description = {}): string {
  const { osRelease = 'ID=debian', architecture = 'x86_64', root = true } = description;
  const { lacks = [], kernel = true, ready = true } = description;
  const machine = mkdtempSync(join(tmpdir(), 'rapido setup-'));
  machines.push(machine);
  chmodSync(machine, 0o755);
  write(machine, 'etc/os-release', `${osRelease}\n`);
  mkdirSync(join(machine, 'home'));
  mkdirSync(join(machine, 'usr/local/bin'), { recursive: true });
  mkdirSync(join(machine, 'bin'));
  for (const name of REAL_PROGRAMS) symlinkSync(realProgram(name), join(machine, 'bin', name));
  program(machine, 'uname', `echo ${architecture}`);
  program(machine, 'id', `case $1 in -u) echo ${root ? 0 : 1000} ;; *) echo me ;; esac`);
  program(machine, 'npm', FAKE_NPM);
  if (!lacks.includes('kernel-source')) write(machine, 'usr/src/linux-source-6.1.tar.xz', '');
  for (const name of NEEDED) if (!lacks.includes(name)) program(machine, name);
  if (kernel) installKernel(machine);
  makeCheckout(machine, ready);
  return machine;
}

function makeCheckout(machine: string, ready: boolean): void {
  const checkout = join(machine, CHECKOUT);
  for (const file of ['scripts/setup', 'package.json']) {
    mkdirSync(dirname(join(checkout, file)), { recursive: true });
    copyFileSync(join(PROJECT, file), join(checkout, file));
  }
  const sources = ['package.json', 'package-lock.json', 'bin/rapido.js', 'src/cli.ts', 'src'];
  for (const file of sources.slice(1, -1)) write(checkout, file, '');
  chmodSync(join(checkout, 'bin/rapido.js'), 0o755);
  for (const file of sources) utimesSync(join(checkout, file), 1000, 1000);
  if (!ready) return;
  write(checkout, 'node_modules/.package-lock.json', '{}');
  write(checkout, 'dist/cli.js', '');
  write(checkout, 'dist/types/src/index.d.ts', '');
  write(checkout, 'dist/man/rapido.1', '');
  symlinkSync(join(checkout, 'bin/rapido.js'), join(machine, 'usr/local/bin/rapido'));
  for (const [file, link] of REFERENCE) {
    const path = join(machine, 'usr/local/share', link);
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(join(checkout, 'dist', file), path);
  }
}

/** What setup links below share/, by its place in dist/. */
const REFERENCE = [
  ['completion/rapido.bash', 'bash-completion/completions/rapido'],
  ['completion/rapido.fish', 'fish/vendor_completions.d/rapido.fish'],
  ['completion/rapido.zsh', 'zsh/site-functions/_rapido'],
  ['man/rapido.1', 'man/man1/rapido.1'],
] as const;

/** Notes its arguments and leaves what npm would. */
const FAKE_NPM = `
echo "npm $*" >>"$MACHINE/log"
[ ! -e "$MACHINE/npm-fails" ] || exit 1
case $1 in
  install) mkdir -p node_modules && touch node_modules/.package-lock.json ;;
  run) mkdir -p dist/types/src dist/man && touch dist/cli.js dist/types/src/index.d.ts dist/man/rapido.1 ;;
esac`;

/** A package manager that installs what the packages have, and nothing if one of them is unknown or refused. */
function installManager(
  machine: string,
  name: 'apt-get' | 'dnf' | 'zypper',
  packages: Packages,
  refused: readonly string[] = [],
): void {
  const known = Object.keys(packages).filter((it) => !refused.includes(it));
  const cases = Object.entries(packages).map(
    ([it, files]) => `${it}) files='${files.join(' ')}' ;;`,
  );
  program(
    machine,
    name,
    `
set -e
[ ! -t 0 ]
[ ${name} != apt-get ] || [ "$DEBIAN_FRONTEND" = noninteractive ]
names=
takes_value=false
for argument in "$@"; do
  if $takes_value; then takes_value=false; continue; fi
  case $argument in
    -o) takes_value=true ;;
    -* | install | update) ;;
    *) names="$names $argument" ;;
  esac
done
case " $* " in
  *' update '*) echo update >>"$MACHINE/log"; exit ;;
esac
echo "install:$names" >>"$MACHINE/log"
[ -n "$names" ] || { echo 'nothing to install' >&2; exit 1; }
for name in $names; do
  case $name in ${known.join(' | ')}) ;; *) echo "no package $name" >&2; exit 100 ;; esac
done
for name in $names; do
  case $name in ${cases.join('\n')} esac
  for file in $files; do
    case $file in /*) file=$MACHINE$file ;; *) file=$MACHINE/bin/$file ;; esac
    mkdir -p "\${file%/*}"
    echo '#!/bin/sh' >"$file"
    chmod +x "$file"
  done
done`,
  );
}

function installApt(machine: string, refused: readonly string[] = []): void {
  installManager(machine, 'apt-get', DEBIAN, refused);
}

function installKernel(machine: string): void {
  write(machine, 'boot/vmlinuz-6.1.0', '');
  mkdirSync(join(machine, 'lib/modules/6.1.0'), { recursive: true });
}

function write(directory: string, file: string, text: string): void {
  mkdirSync(dirname(join(directory, file)), { recursive: true });
  writeFileSync(join(directory, file), text);
}

function program(machine: string, name: string, body = ''): void {
  write(machine, `bin/${name}`, `#!/bin/sh\n${body}\n`);
  chmodSync(join(machine, 'bin', name), 0o755);
}

function realProgram(name: string): string {
  const found = (process.env.PATH ?? '')
    .split(':')
    .concat('/usr/sbin', '/sbin')
    .map((directory) => join(directory, name))
    .find((path) => existsSync(path));
  if (found === undefined) throw new Error(`this test needs ${name}`);
  return found;
}

interface Outcome {
  status: number | undefined;
  stdout: string;
  stderr: string;
  /** What npm and apt-get were asked to do. */
  log: string[];
}

interface RunOptions {
  env?: Record<string, string>;
  /** Drops root's right to read and write everything, if the test has it. */
  unprivileged?: boolean;
}

/** Runs the machine's own setup; its directory reads as MACHINE in the output. */
async function setup(
  machine: string,
  args: readonly string[] = [],
  options: RunOptions = {},
): Promise<Outcome> {
  const script = join(machine, CHECKOUT, 'scripts/setup');
  const command =
    options.unprivileged && process.getuid?.() === 0
      ? [realProgram('setpriv'), '--reuid=65534', '--regid=65534', '--clear-groups', script]
      : [script];
  const [file = '', ...rest] = [...command, ...args];
  const result = await execa(file, rest, {
    reject: false,
    stdin: 'ignore',
    detached: true, // In a separate session, sudo has no terminal to ask on.
    extendEnv: false,
    env: {
      PATH: `${join(machine, 'bin')}:${join(machine, 'usr/local/bin')}`,
      HOME: join(machine, 'home'),
      RAPIDO_SETUP_ROOT: machine,
      MACHINE: machine,
      ...options.env,
    },
  });
  const log = join(machine, 'log');
  return {
    status: result.exitCode,
    stdout: result.stdout.replaceAll(machine, 'MACHINE'),
    stderr: result.stderr.replaceAll(machine, 'MACHINE'),
    log: existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [],
  };
}

const SILENT: Outcome = { status: 0, stdout: '', stderr: '', log: [] };

describe('scripts/setup on a complete host', () => {
  it('prints nothing and does nothing', async () => {
    expect(await setup(describeMachine())).toEqual(SILENT);
    expect(await setup(describeMachine(), ['--dev'])).toEqual(SILENT);
  });

  it('also on an unknown distribution', async () => {
    expect(await setup(describeMachine({ osRelease: 'ID=plan9' }))).toEqual(SILENT);
  });

  it('also for an ordinary user with a read-only checkout, whatever its times', async () => {
    const machine = describeMachine({ root: false });
    utimesSync(join(machine, CHECKOUT, 'src/cli.ts'), 9e9, 9e9);
    utimesSync(join(machine, CHECKOUT, 'package-lock.json'), 9e9, 9e9);
    chmodSync(join(machine, CHECKOUT), 0o555);
    expect(await setup(machine, [], { unprivileged: true })).toEqual(SILENT);
  });
});

describe('scripts/setup --dry-run', () => {
  it("asks for the source of Debian's kernel for the tests only, and only on Debian", async () => {
    const asked = async (osRelease: string, ...options: string[]) => {
      const machine = describeMachine({ osRelease, lacks: ['kernel-source'] });
      return (await setup(machine, ['--dry-run', ...options])).stdout.includes('linux-source');
    };
    expect(await asked('ID=debian', '--dev')).toBe(true);
    expect(await asked('ID=debian')).toBe(false);
    expect(await asked('ID=fedora', '--dev')).toBe(false);
  });

  it('prints what it would install on a bare Debian, and why', async () => {
    const machine = describeMachine({ lacks: NEEDED, kernel: false, ready: false });
    const outcome = await setup(machine, ['--dry-run']);
    expect(outcome.stdout).toMatchInlineSnapshot(`
      "would install qemu-system-x86: runs the virtual machines
      would install dracut-core: builds the initramfs
      would install kmod: finds and loads kernel modules
      would install util-linux: ends QEMU when rapido ends
      would install mount: mounts filesystems in the guest
      would install procps: shows the guest's processes
      would install cpio: packs and lists initramfs archives
      would install xz-utils: unpacks .ko.xz modules
      would install zstd: unpacks .ko.zst modules
      would install bash: runs dracut and the guest's shell
      would install iproute2: sets up bridges, taps and the guest's network
      would install linux-image-amd64: a kernel to boot if you have not built one
      would run: apt-get update && apt-get install -y --no-install-recommends qemu-system-x86 dracut-core kmod util-linux mount procps cpio xz-utils zstd bash iproute2 linux-image-amd64
      would run: npm install --no-save --include=dev --loglevel=error (node_modules is missing)
      would run: npm run --silent build (dist is missing)
      would link MACHINE/usr/local/bin/rapido to MACHINE/a checkout/bin/rapido.js
      would link in MACHINE/usr/local/share: bash completion, fish completion, zsh completion, man page"
    `);
    expect(outcome).toMatchObject({ status: 0, stderr: '', log: [] });
    expect(existsSync(join(machine, CHECKOUT, 'node_modules'))).toBe(false);
    expect(existsSync(join(machine, 'usr/local/bin/rapido'))).toBe(false);
  });

  it('is selected by RAPIDO_SETUP_DRY_RUN=1, too', async () => {
    const machine = describeMachine({ lacks: ['cpio'] });
    const byFlag = await setup(machine, ['--dry-run']);
    expect(await setup(machine, [], { env: { RAPIDO_SETUP_DRY_RUN: '1' } })).toEqual(byFlag);
    expect(byFlag.stdout).toContain('would install cpio: ');
  });

  it('knows the packages of other distributions and architectures', async () => {
    const lacks = [...NEEDED, 'qemu-system-aarch64'];
    const commandFor = async (osRelease: string, architecture: string): Promise<string> => {
      const machine = describeMachine({ osRelease, architecture, lacks, kernel: false });
      const { stdout } = await setup(machine, ['--dry-run', '--dev']);
      return /^would run: (.*)$/m.exec(stdout)?.[1] ?? stdout;
    };
    const suse = 'ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"';
    expect(await commandFor('ID=ubuntu\nID_LIKE=debian', 'x86_64')).toMatchInlineSnapshot(
      `"apt-get update && apt-get install -y --no-install-recommends qemu-system-x86 dracut-core kmod util-linux mount procps cpio xz-utils zstd bash iproute2 linux-image-generic bsdutils git shellcheck build-essential gdb libarchive-tools bzip2 lz4 bsdextrautils libxml2-utils vim-tiny zsh fish groff-base bc systemd udev dmsetup xfsprogs btrfs-progs exfatprogs f2fs-tools udftools rsync dnsmasq-base udhcpc busybox iputils-ping tgt open-iscsi dropbear-bin openssh-client samba samba-common-bin cifs-utils nfs-kernel-server nfs-common rpcbind debootstrap"`,
    );
    expect(await commandFor('ID=debian', 'aarch64')).toMatchInlineSnapshot(
      `"apt-get update && apt-get install -y --no-install-recommends qemu-system-arm dracut-core kmod util-linux mount procps cpio xz-utils zstd bash iproute2 linux-image-arm64 bsdutils git shellcheck chromium build-essential gdb libarchive-tools bzip2 lz4 bsdextrautils libxml2-utils vim-tiny zsh fish groff-base bc systemd udev dmsetup xfsprogs btrfs-progs exfatprogs f2fs-tools udftools rsync dnsmasq-base udhcpc busybox iputils-ping tgt open-iscsi dropbear-bin openssh-client samba samba-common-bin cifs-utils nfs-kernel-server nfs-common rpcbind debootstrap"`,
    );
    expect(await commandFor('ID=fedora', 'x86_64')).toMatchInlineSnapshot(
      `"dnf install -y --setopt=install_weak_deps=False qemu-system-x86-core dracut kmod util-linux procps-ng cpio xz zstd bash iproute kernel-core kernel-modules /usr/bin/script git ShellCheck chromium gcc gdb bsdcpio bzip2 lz4 libxml2 vim-minimal zsh fish groff-base bc systemd systemd-udev systemd-networkd device-mapper xfsprogs btrfs-progs exfatprogs f2fs-tools udftools rsync dnsmasq busybox iputils scsi-target-utils iscsi-initiator-utils dropbear openssh-clients samba samba-common-tools cifs-utils nfs-utils rpcbind"`,
    );
    expect(await commandFor(suse, 'aarch64')).toMatchInlineSnapshot(
      `"zypper --non-interactive install --no-recommends qemu-arm dracut kmod util-linux procps cpio xz zstd bash iproute2 kernel-default git ShellCheck chromium gcc gdb bsdtar bzip2 lz4 libxml2-tools vim-small zsh fish groff bc systemd udev systemd-network device-mapper xfsprogs btrfsprogs exfatprogs f2fs-tools udftools rsync dnsmasq busybox iputils tgt open-iscsi openssh-clients samba samba-client cifs-utils nfs-kernel-server nfs-client rpcbind"`,
    );
  });

  it.each([
    ['apt', 'ID=debian'],
    ['zypper', 'ID=opensuse-leap'],
    ['dnf', 'ID=fedora'],
  ] as const)(
    'names the packages for %s that rapido itself names in its hints',
    async (manager, osRelease) => {
      const machine = describeMachine({ osRelease, lacks: NEEDED });
      const { stdout } = await setup(machine, ['--dev', '--dry-run']);
      const named = NEEDED.map((name) => packageOf(name, manager)).filter((it) => it !== undefined);
      for (const name of named) expect(stdout).toContain(`would install ${name}: `);
      expect(named).not.toEqual([]);
    },
  );
});

describe('scripts/setup --dev on a bare', () => {
  it.each([
    ['Debian', 'ID=debian', 'apt-get', DEBIAN],
    ['Fedora', 'ID=fedora', 'dnf', FEDORA],
    ['openSUSE', 'ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"', 'zypper', OPENSUSE],
  ] as const)(
    '%s installs all that this distribution has, by its names',
    async (_, osRelease, manager, packages) => {
      const lacks = [...NEEDED, 'kernel-source'];
      const machine = describeMachine({ osRelease, lacks, kernel: false });
      installManager(machine, manager, packages);
      const outcome = await setup(machine, ['--dev']);
      expect(outcome).toMatchObject({ status: 0, stderr: '' });
      const installed = outcome.log.flatMap(
        (line) => /^install: (.*)$/.exec(line)?.[1]?.split(' ') ?? [],
      );
      const brought = [...new Set(installed)].flatMap((name) => packages[name] ?? []);
      const wanted = Object.values(packages).flat();
      expect(wanted.filter((it) => !brought.includes(it))).toEqual([]);
      // All at once, which fails if one of the names is wrong.
      expect(outcome.log.filter((line) => line.startsWith('install:'))).toHaveLength(1);
      expect(await setup(machine, ['--dev'])).toEqual({ ...SILENT, log: outcome.log });
    },
  );
});

it('scripts/setup finds a kernel that is beside its modules, below /usr only', async () => {
  const machine = describeMachine({ kernel: false });
  write(machine, 'usr/lib/modules/6.17.0/vmlinuz', '');
  expect(await setup(machine)).toEqual(SILENT);
});

describe('scripts/setup installs', () => {
  it('what is missing, and nothing else, without a question', async () => {
    const machine = describeMachine({ lacks: ['dracut', 'setsid', 'setpriv', 'script'] });
    installApt(machine);
    const outcome = await setup(machine);
    expect(outcome).toMatchInlineSnapshot(`
      {
        "log": [
          "update",
          "install: dracut-core util-linux",
        ],
        "status": 0,
        "stderr": "",
        "stdout": "installing dracut-core: builds the initramfs
      installing util-linux: ends QEMU when rapido ends",
      }
    `);
    expect(await setup(machine)).toEqual({ ...SILENT, log: outcome.log });
  });

  it('with --dev, what `npm test` needs, too', async () => {
    const machine = describeMachine({ lacks: ['script', 'shellcheck'] });
    installApt(machine);
    const { status, stdout } = await setup(machine, ['--dev']);
    expect(stdout).toMatchInlineSnapshot(`
      "installing bsdutils: gives the tests a terminal
      installing shellcheck: checks the shell scripts"
    `);
    expect(status).toBe(0);
  });

  it('the rest if a package is not available, and names all that failed', async () => {
    const machine = describeMachine({ lacks: ['dracut', 'cpio', 'zstd'] });
    installApt(machine, ['dracut-core', 'zstd']);
    const { status, stderr } = await setup(machine);
    expect(existsSync(join(machine, 'bin/cpio'))).toBe(true);
    expect(stderr.split('\n').filter((line) => line.startsWith('setup:'))).toMatchInlineSnapshot(`
      [
        "setup: dracut-core could not be installed; see the output of apt above",
        "setup: zstd could not be installed; see the output of apt above",
      ]
    `);
    expect(status).toBe(1);
  });

  it('and reports a package that did not provide its program', async () => {
    const machine = describeMachine({ lacks: ['dracut'] });
    program(machine, 'apt-get');
    const { status, stderr } = await setup(machine);
    expect(stderr).toMatchInlineSnapshot(
      `"setup: dracut is still missing after installing dracut-core: builds the initramfs"`,
    );
    expect(status).toBe(1);
  });

  it('with sudo for an ordinary user', async () => {
    const machine = describeMachine({ root: false, lacks: ['cpio'] });
    installApt(machine);
    program(machine, 'sudo', 'echo "sudo $*" >>"$MACHINE/log"; [ "$1" = -n ] || exec "$@"');
    const { status, log } = await setup(machine);
    expect(log).toMatchInlineSnapshot(`
      [
        "sudo -n true",
        "sudo env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a apt-get update -qq",
        "update",
        "sudo env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a apt-get install -qq -y --no-install-recommends -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 cpio",
        "install: cpio",
      ]
    `);
    expect(status).toBe(0);
  });

  it('nothing if sudo would ask and there is no terminal: it prints the command', async () => {
    const machine = describeMachine({ root: false, lacks: ['cpio', 'ps'] });
    installApt(machine);
    program(machine, 'sudo', 'exit 1');
    const { status, stderr, log } = await setup(machine);
    expect(stderr).toMatchInlineSnapshot(`
      "setup: packages are missing, and only root can install them:
        ps: shows the guest's processes
        cpio: packs and lists initramfs archives
      setup: run this command, then scripts/setup again:
        sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends procps cpio'"
    `);
    expect({ status, log }).toEqual({ status: 1, log: [] });
  });

  it('nothing if there is no sudo: it prints the command', async () => {
    const machine = describeMachine({ root: false, lacks: ['cpio'], osRelease: 'ID=fedora' });
    const { status, stderr } = await setup(machine);
    expect(stderr.trim().split('\n').at(-1)).toMatchInlineSnapshot(
      `"  su -c 'dnf install -y --setopt=install_weak_deps=False cpio'"`,
    );
    expect(status).toBe(1);
  });

  it('nothing on an unknown distribution: it prints what is needed', async () => {
    const osRelease = 'ID=plan9\nPRETTY_NAME="Plan 9 from Bell Labs"';
    const machine = describeMachine({ osRelease, lacks: ['cpio', 'ip'] });
    const { status, stderr } = await setup(machine);
    expect(stderr).toMatchInlineSnapshot(`
      "setup: cannot install packages on Plan 9 from Bell Labs; install what rapido needs:
        cpio: packs and lists initramfs archives
        ip: sets up bridges, taps and the guest's network"
    `);
    expect(status).toBe(1);
  });
});

describe('scripts/setup prepares the checkout', () => {
  it('with npm packages, a build and the command, once', async () => {
    const machine = describeMachine({ ready: false });
    const outcome = await setup(machine);
    expect(outcome).toMatchInlineSnapshot(`
      {
        "log": [
          "npm install --no-save --include=dev --loglevel=error",
          "npm run --silent build",
        ],
        "status": 0,
        "stderr": "",
        "stdout": "running npm install --no-save --include=dev --loglevel=error: node_modules is missing
      running npm run --silent build: dist is missing
      linked MACHINE/usr/local/bin/rapido to MACHINE/a checkout/bin/rapido.js
      linked in MACHINE/usr/local/share: bash completion, fish completion, zsh completion, man page",
      }
    `);
    expect(readlinkSync(join(machine, 'usr/local/bin/rapido'))).toBe(
      join(machine, CHECKOUT, 'bin/rapido.js'),
    );
    expect(await setup(machine)).toEqual({ ...SILENT, log: outcome.log });
  });

  it('rebuilds if a source is newer than the build', async () => {
    const machine = describeMachine();
    utimesSync(join(machine, CHECKOUT, 'src/cli.ts'), 9e9, 9e9);
    expect((await setup(machine)).log).toEqual(['npm run --silent build']);
  });

  it('rebuilds if a source was deleted', async () => {
    const machine = describeMachine();
    utimesSync(join(machine, CHECKOUT, 'dist/cli.js'), 2000, 2000);
    rmSync(join(machine, CHECKOUT, 'src/cli.ts'));
    expect((await setup(machine)).log).toEqual(['npm run --silent build']);
  });

  it('installs npm packages again if the lock file is newer', async () => {
    const machine = describeMachine();
    utimesSync(join(machine, CHECKOUT, 'package-lock.json'), 9e9, 9e9);
    expect((await setup(machine)).log[0]).toMatch(/^npm install --no-save/);
  });

  it('does not build without its npm packages, and fails', async () => {
    const machine = describeMachine({ ready: false });
    write(machine, 'npm-fails', '');
    const { status, stderr, log } = await setup(machine);
    expect(stderr).toMatchInlineSnapshot(
      `"setup: \`npm install --no-save --include=dev --loglevel=error\` failed in MACHINE/a checkout"`,
    );
    expect({ status, calls: log.length }).toEqual({ status: 1, calls: 1 });
  });

  it('prints the required version if Node is too old', async () => {
    const machine = describeMachine();
    rmSync(join(machine, 'bin/node'));
    program(machine, 'node', 'echo v18.19.0');
    const { status, stderr } = await setup(machine);
    expect(stderr).toMatchInlineSnapshot(
      `"setup: rapido needs Node 20.12 or newer; this is 18.19.0 (MACHINE/bin/node)"`,
    );
    expect(status).toBe(1);
  });
});

describe('scripts/setup and the `rapido` command', () => {
  const link = 'usr/local/bin/rapido';

  it('leaves another program of that name alone, and reports it', async () => {
    const machine = describeMachine();
    rmSync(join(machine, link));
    write(machine, link, 'something else');
    const { status, stderr } = await setup(machine);
    expect(stderr).toMatchInlineSnapshot(
      `"setup: MACHINE/usr/local/bin/rapido is another program; left alone. Use MACHINE/a checkout/bin/rapido.js"`,
    );
    expect(readFileSync(join(machine, link), 'utf8')).toBe('something else');
    expect(status).toBe(0);
  });

  it('leaves the link to another checkout alone, and reports it', async () => {
    const machine = describeMachine();
    rmSync(join(machine, link));
    write(machine, 'other/bin/rapido.js', '');
    symlinkSync(join(machine, 'other/bin/rapido.js'), join(machine, link));
    const { stderr } = await setup(machine);
    expect(stderr).toContain(
      'usr/local/bin/rapido is a link to another checkout; left alone. Use ',
    );
    expect(readlinkSync(join(machine, link))).toBe(join(machine, 'other/bin/rapido.js'));
  });

  it('replaces the dangling link of a moved checkout', async () => {
    const machine = describeMachine();
    rmSync(join(machine, link));
    symlinkSync(join(machine, 'moved/bin/rapido.js'), join(machine, link));
    await setup(machine);
    expect(readlinkSync(join(machine, link))).toBe(join(machine, CHECKOUT, 'bin/rapido.js'));
  });

  it('goes to ~/.local/bin if /usr/local/bin is not writable, and says how to find it', async () => {
    const machine = describeMachine({ root: false });
    rmSync(join(machine, 'usr/local/bin'), { recursive: true });
    const { stdout } = await setup(machine);
    expect(stdout).toMatchInlineSnapshot(`
      "linked MACHINE/home/.local/bin/rapido to MACHINE/a checkout/bin/rapido.js
      linked in MACHINE/home/.local/share: bash completion, fish completion, man page
      setup: to run it as \`rapido\`, add this line to your shell profile:
        export PATH="MACHINE/home/.local/bin:$PATH""
    `);
    const path = `${join(machine, 'bin')}:${join(machine, 'home/.local/bin')}`;
    expect(await setup(machine, [], { env: { PATH: path } })).toEqual(SILENT);
  });

  it('is not created on CI, whose checkouts are temporary', async () => {
    const machine = describeMachine();
    rmSync(join(machine, link));
    expect(await setup(machine, [], { env: { CI: 'true' } })).toEqual(SILENT);
    expect(existsSync(join(machine, link))).toBe(false);
  });
});

describe('scripts/setup advises', () => {
  it('how to read a kernel image that only root can read', async () => {
    const machine = describeMachine({ root: false });
    chmodSync(join(machine, 'boot/vmlinuz-6.1.0'), 0);
    const { status, stdout } = await setup(machine, [], { unprivileged: true });
    expect(stdout).toMatchInlineSnapshot(
      `"setup: you are not allowed to read the kernel MACHINE/boot/vmlinuz-6.1.0; run: sudo chmod +r MACHINE/boot/vmlinuz-6.1.0"`,
    );
    expect(status).toBe(0);
  });

  it('how to use /dev/kvm if this user cannot', async () => {
    const machine = describeMachine({ root: false });
    write(machine, 'dev/kvm', '');
    chmodSync(join(machine, 'dev/kvm'), 0);
    rmSync(join(machine, 'bin/stat'));
    program(machine, 'stat', 'echo kvm');
    const { status, stdout } = await setup(machine, [], { unprivileged: true });
    expect(stdout).toMatchInlineSnapshot(
      `"setup: you are not allowed to use MACHINE/dev/kvm, so VMs are slow; run: sudo usermod -aG kvm me, then log in again"`,
    );
    expect(status).toBe(0);
    write(machine, 'proc/cpuinfo', 'flags\t\t: fpu sse2\n');
    expect(await setup(machine, [], { unprivileged: true })).toEqual(SILENT);
    write(machine, 'proc/cpuinfo', 'flags\t\t: fpu vmx sse2\n');
    expect((await setup(machine, [], { unprivileged: true })).stdout).toBe(stdout);
  });
});
