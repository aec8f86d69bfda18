import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { CHANNEL_MODULES, isBuiltIn, makeKernelTree } from '../support/kernel-tree.ts';
import { createWorkspace, ONE_CPU } from '../support/workspace.ts';

/** Lists a directory the same way on host and guest, names escaped, in the order of their bytes. */
const LIST = String.raw`cd "$1" && find . ! -type d -printf '%y %m %n %s %l ' -exec sh -c '
  printf %s "$1" | od -An -v -tx1 | tr -d " \n"; printf " "
  if [ -f "$1" ] && [ ! -L "$1" ]; then sha256sum < "$1" | cut -c1-64; else echo -; fi' sh {} \; | LC_ALL=C sort`;

describe('the image', () => {
  const home = createWorkspace(afterAll, ONE_CPU);

  it('contains every kind of file unchanged, as the real kernel unpacks it', async () => {
    // Below /tmp, where the guest would mount a tmpfs: the tree must still be there.
    const tree = mkdtempSync('/tmp/rapido odd tree-');
    onTestFinished(() => rmSync(tree, { recursive: true, force: true }));
    const file = (name: string | Buffer, data: string | Buffer = '', mode = 0o644): void => {
      const path = Buffer.concat([Buffer.from(`${tree}/`), Buffer.from(name)]);
      writeFileSync(path, data);
      chmodSync(path, mode);
    };
    file('empty');
    file('with space', 'x');
    file('new\nline', 'y');
    file(Buffer.from([0x66, 0xff, 0xfe, 0x21]), 'not UTF-8');
    file('ünïcode', 'z');
    file('n'.repeat(255), 'long');
    file('setuid', 'su', 0o4755);
    file('sticky', 'st', 0o1644);
    file('unreadable', 'secret', 0o000);
    file('big', Buffer.alloc(9 * 1024 * 1024 + 3, 'b'));
    file('large', Buffer.alloc(9 * 1024 * 1024 + 3, 'l'));
    file('link 1', 'linked');
    linkSync(join(tree, 'link 1'), join(tree, 'link 2'));
    mkdirSync(join(tree, 'deep/er'), { recursive: true });
    linkSync(join(tree, 'link 1'), join(tree, 'deep/er/link 3'));
    symlinkSync('with space', join(tree, 'sym link'));
    symlinkSync('/nowhere/at all', join(tree, 'dangling'));
    execFileSync('mkfifo', [join(tree, 'fifo')]);
    if (process.getuid?.() === 0) {
      execFileSync('mknod', [join(tree, 'null'), 'c', '1', '3']);
      execFileSync('mknod', [join(tree, 'loop'), 'b', '7', '300']);
    }
    const list = home.write('list.sh', `#!/bin/bash\n${LIST}\n`, 0o755);
    // biome-ignore format: an option and its value share a line
    const image = [
      'simple-example', '--include', tree, '--include', `${list}:/list`,
      '-i', 'find', '-i', 'sha256sum', '-i', 'od',
    ];
    await home.rapido(['cut', ...image]);
    // Some change afterwards, one becomes shorter: they are in a separate archive.
    await sleep(50);
    file('with space', 'changed, and longer than it was');
    file('big', 'smaller', 0o600);
    const onHost = execFileSync(list, [tree], { encoding: 'utf8' });

    const cut = await home.rapido(['cut', ...image]);
    expect(cut.stdout).toContain('trees reused, changes built');
    // Not on the console, where messages of the kernel may be in the middle of a line.
    const { status, stdout } = await home.rapido(['run', ...image, '--', '/list', tree]);
    expect(status).toBe(0);
    expect(stdout).toBe(onHost);
    expect(onHost.split('\n').length).toBeGreaterThan(15);
  });

  // test/formats/kmod/modules.test.ts has all compressions.
  it.each([
    { packed: 'not at all', pack: undefined },
    { packed: 'by xz', pack: { argv: ['xz', '--check=crc32', '--keep'], suffix: '.xz' } as const },
  ])('boots a kernel from KERNEL_SRC whose modules are compressed $packed', async ({ pack }) => {
    const tree = join(home.directory, `linux ${pack?.suffix ?? ''}`);
    makeKernelTree(tree, {
      drivers: [...CHANNEL_MODULES, 'virtio_rng', 'zram'],
      ...(pack && { pack }),
    });
    const conf = home.write('one-line.conf', `KERNEL_SRC = "${tree}"\n`);
    // biome-ignore format: an option and its value share a line
    const result = await home.rapido([
      '--conf', conf, 'cut', 'simple-example', '--boot', '--driver', 'zram',
      '-x', 'modprobe zram && lsmod && cat /sys/block/zram0/size',
    ]);
    expect(result).toMatchObject({ status: 0 });
    expect(result.stdout).toMatch(/^zram /m);
    // Debian 13 has built virtio_console and virtio_pci into its kernel.
    expect(result.stdout).toMatch(/^virtio_rng /m);
  });

  it('fits into the memory of its VM; with less memory, rapido reports a lack of memory', async () => {
    const big = home.write('big', '');
    truncateSync(big, 150 * 1024 * 1024);
    const words = ['run', 'simple-example', '--include', `${big}:/big`];
    const fits = await home.rapido([...words, '--', 'stat', '-c', '%s', '/big']);
    expect(fits).toMatchObject({ status: 0, stdout: `${150 * 1024 * 1024}\n` });
    // Two thirds of that are enough for a kernel and the image, but not for what the image unpacks to.
    const lacks = await home.rapido([...words, '--memory', '512M', '--bisect', '--', 'true']);
    expect(lacks.status).toBe(128);
    expect(lacks.stderr).toContain(
      'ERROR simple-example: the VM has too little memory for its image ("Initramfs unpacking failed: write error"): 512 MiB',
    );
  });

  it('with a module that the kernel rejects does not mark the commit', async () => {
    const tree = join(home.directory, 'linux of another build');
    makeKernelTree(tree, { drivers: [...CHANNEL_MODULES, 'virtio_rng', 'zram'] });
    const modules = join(tree, 'mods/lib/modules');
    const name = readdirSync(modules, { recursive: true, encoding: 'utf8' }).find((path) =>
      path.endsWith('/zram.ko'),
    );
    const zram = join(modules, name ?? '');
    // It needs a symbol that the kernel no longer exports, and has no signature.
    const content = readFileSync(zram, 'latin1')
      .replaceAll('\0device_add_disk', '\0device_xdd_disk')
      .replace('~Module signature appended~', '-');
    writeFileSync(zram, content, 'latin1');
    const result = await home.rapido(
      ['run', 'simple-example', '--driver', 'zram', '--bisect', '--', 'modprobe', 'zram'],
      { env: { KERNEL_SRC: tree } },
    );
    expect(result.status).toBe(125);
    expect(result.stderr).toMatch(
      /^ERROR simple-example: module zram refused: unknown symbols: the module belongs to another build; then the command exited with status 1/m,
    );
  });

  it('uses the second serial port with a kernel without virtio-serial', async ({ skip }) => {
    skip(CHANNEL_MODULES.every(isBuiltIn), 'virtio-serial is built into the kernel of this host');
    const tree = join(home.directory, 'linux without virtio');
    makeKernelTree(tree, { drivers: ['zram'] });
    const conf = home.write('serial.conf', `KERNEL_SRC="${tree}"\nQEMU_EXTRA_ARGS="-nographic"\n`);
    const arguments_ = ['--conf', conf, 'cut', 'simple-example', '--boot'];
    expect(await home.rapido([...arguments_, '-x', 'ls /sys/class/tty/ttyS1'])).toMatchObject({
      status: 0,
    });
    const failing = await home.rapido([...arguments_, '-x', 'exit 7']);
    expect(failing.status).toBe(1);
    expect(failing.stderr).toContain('autorun script exit_7 failed: exit status 7');
  });

  it('mounts VIRTFS_SHARE_PATH at /host, in both directions', async () => {
    mkdirSync(join(home.directory, 'shared, dir'));
    const note = home.write('shared, dir/note', 'from the host');
    const conf = home.write('share.conf', `VIRTFS_SHARE_PATH="${home.directory}/shared, dir"\n`);
    // biome-ignore format: an option and its value share a line
    const result = await home.rapido([
      '--conf', conf, 'cut', 'simple-example', '--boot',
      '-x', 'cat /host/note; echo; sha256sum /host/note > /host/sum',
    ]);
    expect(result).toMatchObject({ status: 0 });
    expect(result.stdout).toContain('from the host');
    const sum = createHash('sha256').update(readFileSync(note)).digest('hex');
    expect(readFileSync(join(home.directory, 'shared, dir/sum'), 'utf8')).toContain(sum);
  });

  it('passes the conf keys that the cut declares to the guest, and no others', async () => {
    home.write(
      '.config/rapido/cuts/keys.js',
      `export default {
        summary: 'keys',
        binaries: ['grep', 'env'],
        conf: {
          uses: ['NFS_SERVER'],
          defines: { MY_TEXT: { type: 'string', meaning: 'odd text' } },
        },
      };`,
    );
    const conf = home.write(
      'keys.conf',
      `NFS_SERVER="server"\nCIFS_PW="hush-hush"\nMY_TEXT='it'"'"'s $HOME "quoted" \\'\n`,
    );
    // biome-ignore format: an option and its value share a line
    const result = await home.rapido([
      '--conf', conf, 'cut', 'keys', '--boot',
      '-x', 'env | grep -E "^(NFS_SERVER|MY_TEXT)="; env | grep CIFS; true',
    ]);
    expect(result).toMatchObject({ status: 0 });
    expect(result.stdout).toContain('NFS_SERVER=server');
    expect(result.stdout).toContain(`MY_TEXT=it's $HOME "quoted" \\`);
    expect(result.stdout).not.toContain('CIFS');
    expect(readFileSync(join(home.images, 'keys.img')).includes('hush-hush')).toBe(false);
  });

  it('enables dynamic debug for modules that are loaded later', async () => {
    const conf = home.write('debug.conf', 'DYN_DEBUG_MODULES="zram nbd"\n');
    // biome-ignore format: an option and its value share a line
    const result = await home.rapido([
      '--conf', conf, 'cut', 'simple-example', '--boot', '--driver', 'nbd',
      '-x',
        'modprobe nbd; grep "\\[nbd\\]" /sys/kernel/debug/dynamic_debug/control | head -1; cat /proc/cmdline',
    ]);
    expect(result).toMatchObject({ status: 0 });
    expect(result.stdout).toContain('zram.dyndbg=+pf nbd.dyndbg=+pf');
    expect(result.stdout).toMatch(/\[nbd\].* =pf /);
  });
});
