import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { identifySelf } from '../../src/sys/process-identity.ts';
import type { VmEntry } from '../../src/vm/registry.ts';
import { ORDINARY_USER } from '../support/typescript-process.ts';
import { copyProgram, createWorkspace, RAPIDO, run, type Workspace } from '../support/workspace.ts';

let home: Workspace;
beforeEach(() => {
  home = createWorkspace();
});

/** Its output, with the workspace's directory shown as HOME. */
const inHome = (text: string): string => text.replaceAll(home.directory, 'HOME');

test('--dry-run prints every command line, and needs no root', async () => {
  const { status, stdout } = await home.rapido(['setup-ramdisk', '--size', '4G', '--dry-run'], {
    prefix: ORDINARY_USER,
    program: copyProgram(home),
  });
  const lines = inHome(stdout)
    .replace(/[ur]id=\d+|root_owner=\d+:\d+/g, (text) => text.replace(/\d+/g, 'ID'))
    .replace(/gid=\d+/g, 'gid=ID')
    .split('\n')
    .filter((line) => !line.startsWith('modprobe'));
  expect({ status, lines }).toMatchInlineSnapshot(`
  {
    "lines": [
      "mkdir --parents -- 'HOME/.cache/rapido/images'",
      "# N is the number read from /sys/class/zram-control/hot_add; then write 4294967296 to /sys/block/zramN/disksize",
      "mkfs.ext4 -q -L rapido-ramdisk -O \\^has_journal -m 0 -E nodiscard,root_owner=ID:ID /dev/zramN",
      "mount --no-canonicalize -t ext4 -o discard,noatime,nosuid,nodev /dev/zramN 'HOME/.cache/rapido/images'",
      "# without zram:",
      "mount --no-canonicalize -t tmpfs -o size=4294967296,mode=0700,uid=ID,gid=ID,noatime,nosuid,nodev rapido-ramdisk 'HOME/.cache/rapido/images'",
      "chmod 0700 -- 'HOME/.cache/rapido/images'",
      "",
    ],
    "status": 0,
  }
`);
});

test('rejects an invalid size', async () => {
  const { status, stderr } = await home.rapido(['setup-ramdisk', '--size', '4', '--dry-run']);
  expect(status).toBe(2);
  expect(stderr).toContain('--size: "4" is not a valid size');
});

test('without root, prints the command to type', async () => {
  const program = copyProgram(home);
  const { status, stderr } = await home.rapido(['setup-ramdisk'], {
    prefix: ORDINARY_USER,
    program,
  });
  expect(status).toBe(1);
  expect(stderr).toContain('sudo rapido setup-ramdisk');
});

/** Whether a process can make mounts that end with it. */
const canMount = process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0;
const hasZram =
  existsSync('/sys/class/zram-control') && spawnSync('mkfs.ext4', ['-V']).status === 0;

const zramDevices = (): string[] =>
  readdirSync('/sys/block').filter((name) => name.startsWith('zram'));

describe.runIf(canMount)('as root', () => {
  /** Runs a script with this checkout's `rapido`, in a mount namespace. */
  const inNamespace = (script: string, env: Record<string, string> = {}) =>
    run(['unshare', '--mount', 'bash', '-c', `rapido() { ${quote(RAPIDO)} "$@"; }\n${script}`], {
      cwd: home.directory,
      env: { ...home.env, NODE: process.execPath, ...env },
    });
  const quote = (path: string): string => `"$NODE" '${path}'`;

  test.runIf(hasZram)(
    'zram: set up once, again without effect, writable by its user, removed with its device',
    async () => {
      const before = zramDevices();
      const images = join(home.directory, 'user/images');
      mkdirSync(dirname(images));
      chmodSync(home.directory, 0o755);
      chownSync(dirname(images), 65534, 65534);
      const { stdout, stderr } = await inNamespace(
        `rapido setup-ramdisk --size 64M && rapido setup-ramdisk
         stat --format '%U %F %a' "$IMAGE_DIR"
         setpriv --reuid=65534 --clear-groups touch "$IMAGE_DIR/written" && echo written
         findmnt --noheadings --output FSTYPE,SOURCE --mountpoint "$IMAGE_DIR"
         rapido teardown-ramdisk && rapido teardown-ramdisk
         findmnt --mountpoint "$IMAGE_DIR" || echo unmounted`,
        { IMAGE_DIR: images, SUDO_UID: '65534', SUDO_GID: '65534' },
      );
      expect(stdout.replace(/zram\d+/, 'zramN').replace(/ +/g, ' ')).toBe(
        'nobody directory 700\nwritten\next4 /dev/zramN\nunmounted\n',
      );
      expect(inHome(stderr)).toMatchInlineSnapshot(`
        "mounted a ramdisk of up to 64M at HOME/user/images; \`rapido teardown-ramdisk\` and a reboot delete its contents
        HOME/user/images is already a ramdisk
        removed the ramdisk at HOME/user/images
        no ramdisk at HOME/user/images
        "
      `);
      expect(zramDevices()).toEqual(before);
    },
  );

  test.runIf(hasZram)('if the filesystem cannot be made, the device is removed again', async () => {
    const before = zramDevices();
    const program = home.write('bin/mkfs.ext4', '#!/bin/sh\necho no luck\nexit 1\n', 0o755);
    const { status, stderr } = await run([process.execPath, RAPIDO, 'setup-ramdisk'], {
      cwd: home.directory,
      env: { ...home.env, PATH: `${dirname(program)}:${home.env.PATH}` },
    });
    expect(status).toBe(1);
    expect(stderr).toContain('no luck');
    expect(zramDevices()).toEqual(before);
  });

  describe('a user who swaps directories while root is working', () => {
    /** A program that replaces one of the system, and does this first. */
    const swapping = (program: string, script: string): string => {
      const real = execFileSync('which', [program], { encoding: 'utf8' }).trim();
      const fake = home.write(
        `bin/${program}`,
        `#!/bin/bash\ncd ..\n${script}\nexec ${real} "$@"\n`,
        0o755,
      );
      return `${dirname(fake)}:${home.env.PATH}`;
    };
    const asUser = { SUDO_UID: '65534', SUDO_GID: '65534' };
    let images: string;
    beforeEach(() => {
      images = join(home.directory, 'user/images');
      mkdirSync(images, { recursive: true });
      mkdirSync(join(home.directory, 'victim/images'), { recursive: true });
      mkdirSync(join(home.directory, 'cwd'));
      chmodSync(home.directory, 0o755);
      for (const path of [dirname(images), images]) chownSync(path, 65534, 65534);
    });

    test.runIf(hasZram)('gets the ramdisk on the directory that was checked', async () => {
      const PATH = swapping('mkfs.ext4', 'mv user/images user/moved; ln -s ../victim user/images');
      const { stdout } = await inNamespace(
        `cd cwd; rapido setup-ramdisk --size 64M 2>/dev/null; cd ..
         findmnt --mountpoint victim
         findmnt --noheadings --output FSTYPE --mountpoint user/moved
         PATH=/usr/bin:/usr/sbin; zram=$(findmnt --noheadings --output SOURCE --mountpoint user/moved)
         umount user/moved; echo "\${zram#/dev/zram}" > /sys/class/zram-control/hot_remove`,
        { IMAGE_DIR: images, PATH, ...asUser },
      );
      expect(stdout).toBe('ext4\n');
    });

    test('cannot have another filesystem unmounted', async () => {
      const swap = 'mv user gone; ln -s victim user';
      const PATH = swapping('umount', swap);
      const { stdout, stderr } = await inNamespace(
        `mount -t tmpfs -o uid=65534 rapido-ramdisk "$IMAGE_DIR"
         mount -t tmpfs -o uid=65534 precious victim/images
         cd cwd; rapido teardown-ramdisk; cd ..
         findmnt --noheadings --output SOURCE --mountpoint victim/images
         findmnt --mountpoint gone/images || echo unmounted`,
        { IMAGE_DIR: images, PATH, ...asUser },
      );
      expect(inHome(stderr)).toBe('removed the ramdisk at HOME/user/images\n');
      expect(stdout).toBe('precious\nunmounted\n');
    });

    test("cannot have another user's ramdisk removed", async () => {
      const { stdout, stderr } = await inNamespace(
        `mount -t tmpfs -o uid=1234 rapido-ramdisk "$IMAGE_DIR"
         rapido teardown-ramdisk || echo "refused with $?"`,
        { IMAGE_DIR: images, ...asUser },
      );
      expect(stdout).toBe('refused with 1\n');
      expect(inHome(stderr)).toContain("HOME/user/images (IMAGE_DIR) is not user 65534's ramdisk");
    });
  });

  test('mounts of others are left alone', async () => {
    const { stdout, stderr } = await inNamespace(
      `mkdir -p "$IMAGE_DIR" && mount -t tmpfs theirs "$IMAGE_DIR"
       rapido setup-ramdisk || echo "refused with $?"
       rapido teardown-ramdisk || echo "refused with $?"
       findmnt --noheadings --output SOURCE --mountpoint "$IMAGE_DIR"`,
      { IMAGE_DIR: join(home.directory, 'images') },
    );
    expect(stdout).toBe('refused with 1\nrefused with 1\ntheirs\n');
    expect(inHome(stderr)).toContain('HOME/images (IMAGE_DIR) is already a mount point: theirs');
  });

  test('it stays while a VM uses it', async () => {
    const images = join(home.directory, 'images');
    const entry: VmEntry = {
      version: 1,
      number: 1,
      hostname: 'rapido1',
      cut: 'simple-example',
      kernelRelease: '6.10.0',
      owner: identifySelf(),
      qemu: undefined,
      consoleLog: '',
      monitorSocket: '',
      pidFile: '',
      image: join(images, 'simple-example.img'),
      disks: [],
      taps: [],
      forwards: [],
      addresses: [],
      requestSocket: undefined,
      state: 'ready',
      since: '2026-01-01T00:00:00.000Z',
    };
    home.write('run/rapido/vm1.json', JSON.stringify(entry));
    const { stdout, stderr } = await inNamespace(
      `mkdir -p "$IMAGE_DIR" && mount -t tmpfs rapido-ramdisk "$IMAGE_DIR"
       rapido teardown-ramdisk || echo "refused with $?"
       rm "$XDG_RUNTIME_DIR/rapido/vm1.json"
       rapido teardown-ramdisk && echo gone`,
      { IMAGE_DIR: images },
    );
    expect(stdout).toBe('refused with 1\ngone\n');
    expect(stderr).toContain('VM 1 (rapido1) runs simple-example from it');
  });

  test('without mkfs.ext4, it is a tmpfs', async () => {
    // Programs are found only in PATH and in the system directories: a mount hides those.
    const mkfs = execFileSync('which', ['mkfs.ext4'], { encoding: 'utf8' }).trim();
    const { stdout, stderr } = await inNamespace(
      `mount --bind /dev/null ${mkfs}
       rapido setup-ramdisk --size 64M
       findmnt --noheadings --output FSTYPE,SOURCE --mountpoint "$IMAGE_DIR"
       rapido teardown-ramdisk; findmnt --mountpoint "$IMAGE_DIR" || echo unmounted`,
      { IMAGE_DIR: join(home.directory, 'images') },
    );
    expect(stdout.replace(/ +/g, ' ')).toBe('tmpfs rapido-ramdisk\nunmounted\n');
    expect(stderr).toContain('mkfs.ext4 is missing; using a tmpfs');
  });
});
