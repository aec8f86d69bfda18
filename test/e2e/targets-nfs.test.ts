import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findProgram, programSearchPath } from '../../src/host/programs.ts';
import { canMakeNetworks } from '../support/network-namespace.ts';
import { createNetworkPair } from '../support/network-pair.ts';
import { makeXfstestsTree } from '../support/xfstests-tree.ts';

/** Packages that scripts/setup --dev installs. */
const canServe = ['rpc.nfsd', 'mount.nfs', 'rpcbind'].every(
  (name) => findProgram(name, programSearchPath(process.env.PATH)) !== undefined,
);

describe.runIf(canMakeNetworks && canServe)('NFS between two VMs', () => {
  const pair = createNetworkPair();
  const env = { SHARE_SIZE: '512M' };

  it('nfsd-xfs and nfs-client: v3 with locks, v4.2 with clones; each VM sees what the other wrote', async () => {
    const server = await pair.serve(['nfsd-xfs'], { env });
    await server.exec('echo from the server > /export/greeting; sync');
    const client = `set -e
      findmnt -n -o SOURCE,FSTYPE,OPTIONS .
      cat greeting
      head -c 3000000 /dev/urandom > data
      sha256sum < data
      flock -n data true && echo locked
      mount -o X-mount.mkdir,vers=4.2 -t nfs rapido-server:/export /mnt/v4
      findmnt -n -o SOURCE,FSTYPE,OPTIONS /mnt/v4
      cp --reflink=always /mnt/v4/data /mnt/v4/clone
      flock -n /mnt/v4/clone true && echo locked, too
      mkdir -p /mnt/v4/dir && echo "$PWD" > /mnt/v4/dir/here`;
    const ran = await pair.run(['nfs-client', '-q', '--timeout', '2m', '-x', client], {
      env: { ...env, NFS_MOUNT_OPTS: 'vers=3' },
    });
    expect(ran, ran.stdout + ran.stderr).toMatchObject({ status: 0, stderr: '' });
    const [mounted, greeting, digest, ...rest] = ran.stdout.split('\n');
    expect(mounted).toMatch(/^rapido-server:\/export +nfs .*vers=3,/);
    expect(greeting).toBe('from the server');
    expect(rest[0]).toBe('locked');
    expect(rest[1]).toMatch(/^rapido-server:\/export +nfs4 .*vers=4\.2,/);
    expect(rest.slice(2)).toEqual(['locked, too', '']);
    const seen = await server.exec(`cd /export && sha256sum < data && sha256sum < clone
      cat dir/here; findmnt -n -o FSTYPE .`);
    expect(seen).toBe(`${digest}\n${digest}\n/mnt/nfs\nxfs\n`);
  });

  it('xfstests on an export of nfsd-btrfs, with a path and options of the conf', async () => {
    const tree = makeXfstestsTree(join(pair.home.directory, 'tree'), [
      {
        name: 'generic/001',
        script: `. ./local.config
          findmnt -n -r -o SOURCE,FSTYPE /mnt/test
          findmnt -n -o OPTIONS /mnt/test | grep -o 'vers=4[.]1'
          mount -t nfs $MOUNT_OPTIONS "$SCRATCH_DEV" "$SCRATCH_MNT" && echo data > "$SCRATCH_MNT/file"
          umount "$SCRATCH_MNT" && ls "$SCRATCH_MNT"
          mount -t nfs -o X-mount.mkdir rapido-server:/home/scratch /mnt/all && cat /mnt/all/xfstests-scratch/file`,
        expected: `rapido-server:/home/scratch/xfstests-test nfs4
vers=4.1
data
`,
      },
    ]);
    const ran = await pair.run(
      ['--with', 'nfsd-btrfs', 'fstests-nfs', '-q', '--timeout', '3m', '--', '-g', 'quick'],
      {
        env: {
          ...env,
          FSTESTS_SRC: tree,
          NFS_SHARE: 'home/scratch',
          NFS_MOUNT_OPTS: 'vers=4.1,soft',
        },
      },
    );
    expect(ran.result?.tests, ran.stdout).toMatchObject([{ name: 'generic/001', status: 'pass' }]);
    expect(ran).toMatchObject({ status: 0 });
    expect(ran.file('console-vm1-nfsd-btrfs.log').toString()).toMatch(
      /^rapido1:\/home\/scratch is exported \(btrfs\)\r?$/m,
    );
  });
});
