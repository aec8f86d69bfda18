import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findProgram, programSearchPath } from '../../src/host/programs.ts';
import { CHANNEL_MODULES, makeKernelTree } from '../support/kernel-tree.ts';
import { canMakeNetworks } from '../support/network-namespace.ts';
import { createNetworkPair } from '../support/network-pair.ts';
import { createWorkspace } from '../support/workspace.ts';
import { makeXfstestsTree } from '../support/xfstests-tree.ts';

const isThere = (name: string): boolean =>
  findProgram(name, programSearchPath(process.env.PATH)) !== undefined;

/** Packages that scripts/setup --dev installs. */
const canServe = isThere('smbd') && isThere('mount.cifs');

/** What makes trouble in a shell, in a list of mount options and in smb.conf. */
const PASSWORD = `a 'b", c;%u $HOME \\d=`;

describe.runIf(canMakeNetworks && canServe)('SMB between two VMs', () => {
  const pair = createNetworkPair();
  const env = { CIFS_PW: PASSWORD, CIFS_SHARE: 'my share', SHARE_SIZE: '512M' };

  it('samba-xfs and cifs: each VM sees what the other wrote; also encrypted, and with SMB 2.1', async () => {
    const server = await pair.serve(['samba-xfs'], { env });
    await server.exec("echo from the server > '/srv/my share/greeting'; sync");
    const client = `set -e
      cat greeting
      head -c 3000000 /dev/urandom > 'big file'
      sha256sum < 'big file'
      mkdir -p dir/deeper && echo "$PWD" > dir/deeper/here
      for version in 2.1 3.0,seal; do
        mount -o "X-mount.mkdir,credentials=/etc/cifs-credentials,vers=$version" \\
          -t cifs '//rapido-server/my share' "/mnt/$version"
        cmp 'big file' "/mnt/$version/big file"
        echo "$version" > "/mnt/$version/$version"
      done
      printf 'username=rapido\\npassword=wrong\\n' > /tmp/wrong
      ! mount -o X-mount.mkdir,credentials=/tmp/wrong -t cifs '//rapido-server/my share' /mnt/no 2>&1`;
    const ran = await pair.run(['cifs', '-q', '--timeout', '2m', '-x', client], { env });
    expect(ran, ran.stdout + ran.stderr).toMatchObject({ status: 0, stderr: '' });
    const [greeting, digest, ...refusal] = ran.stdout.split('\n');
    expect(greeting).toBe('from the server');
    expect(refusal.join('\n')).toContain('Permission denied');
    // What the client did not sync is there, too: it was flushed when its VM powered off.
    const seen = await server.exec(`cd '/srv/my share' && sha256sum < 'big file'
      cat dir/deeper/here 2.1 3.0,seal; stat -c %U dir; findmnt -n -o FSTYPE .`);
    expect(seen).toBe(`${digest}\n/mnt/cifs\n2.1\n3.0,seal\nrapido\nxfs\n`);
  });

  it('xfstests on a share of samba-btrfs, with names and options of the conf', async () => {
    const tree = makeXfstestsTree(join(pair.home.directory, 'tree'), [
      {
        name: 'generic/001',
        script: `. ./local.config
          findmnt -n -r -o SOURCE,FSTYPE /mnt/test
          findmnt -n -o OPTIONS /mnt/test | grep -o 'vers=3.0,\\|username=[^,]*,\\|domain=[^,]*,\\|file_mode=[^,]*,'
          mount -t cifs $MOUNT_OPTIONS "$SCRATCH_DEV" "$SCRATCH_MNT" && echo data > "$SCRATCH_MNT/file"
          umount "$SCRATCH_MNT" && ls "$SCRATCH_MNT"
          mount -t cifs $MOUNT_OPTIONS,X-mount.mkdir //rapido-server/fs /mnt/all &&
            cat /mnt/all/xfstests-scratch/file`,
        expected: `//rapido-server/fs/xfstests-test cifs
vers=3.0,
username=tester,
domain=LAB,
file_mode=0640,
data
`,
      },
    ]);
    const ran = await pair.run(
      ['--with', 'samba-btrfs', 'fstests-cifs', '-q', '--timeout', '3m', '--', '-g', 'quick'],
      {
        env: {
          ...env,
          FSTESTS_SRC: tree,
          CIFS_SHARE: 'fs',
          CIFS_USER: 'tester',
          CIFS_DOMAIN: 'LAB',
          CIFS_MOUNT_OPTS: 'vers=3.0,file_mode=0640',
        },
      },
    );
    expect(ran.result?.tests, ran.stdout).toMatchObject([{ name: 'generic/001', status: 'pass' }]);
    expect(ran).toMatchObject({ status: 0 });
    expect(ran.file('console-vm1-samba-btrfs.log').toString()).toMatch(
      /^\/\/rapido1\/fs is \/srv\/fs \(btrfs\), for tester\r?$/m,
    );
  });

  it('ksmbd and cifs', async ({ skip }) => {
    const source = process.env.KSMBD_TOOLS_SRC;
    const places = [...(source === undefined ? [] : [join(source, 'tools')]), '/usr/libexec'];
    // Debian's package cannot stand beside Samba.
    skip(
      findProgram('ksmbd.tools', places) === undefined,
      'no ksmbd.tools: build ksmbd-tools 3.5.2 or newer, and set KSMBD_TOOLS_SRC',
    );
    const ran = await pair.run(
      [
        '--with',
        'ksmbd',
        'cifs',
        '-q',
        '--timeout',
        '3m',
        '-x',
        'echo written > file && sync && cat file && findmnt -n -o FSTYPE .',
      ],
      { env: { ...env, ...(source !== undefined && { KSMBD_TOOLS_SRC: source }) } },
    );
    const bug = ran.result?.splats.find(({ vm }) => vm?.startsWith('ksmbd'));
    skip(bug !== undefined, `a bug of this kernel's own: ${bug?.title}`);
    expect(ran, ran.stderr).toMatchObject({ status: 0, stdout: 'written\ncifs\n' });
  });
});

it('ksmbd is rejected if the kernel has none, with the missing option', async () => {
  const home = createWorkspace();
  makeKernelTree(join(home.directory, 'linux'), {
    drivers: [...CHANNEL_MODULES, 'virtio_net', 'xfs', 'zram'],
  });
  const { status, stderr } = await home.rapido(['cut', 'ksmbd'], {
    env: { KERNEL_SRC: join(home.directory, 'linux'), CIFS_PW: PASSWORD },
  });
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /kernel \S+ has no module ksmbd, CONFIG_SMB_SERVER \(not enabled in the config/,
  );
});
