import { describe, expect, it } from 'vitest';
import { findProgram, programSearchPath } from '../../src/host/programs.ts';
import { canMakeNetworks } from '../support/network-namespace.ts';
import { createNetworkPair } from '../support/network-pair.ts';

const isThere = (name: string): boolean =>
  findProgram(name, programSearchPath(process.env.PATH)) !== undefined;

/** Packages that scripts/setup --dev brings. */
const canServe = isThere('smbd') && isThere('mount.cifs');

/** What makes trouble in a shell, in a list of mount options and in smb.conf. */
const PASSWORD = `a 'b", c;%u $HOME \\d=`;

describe.runIf(canMakeNetworks && canServe)('SMB between two VMs', () => {
  const pair = createNetworkPair();
  const env = { CIFS_PW: PASSWORD, SHARE_SIZE: '512M' };

  it('samba-xfs and cifs: each side sees what the other wrote; also encrypted, and with SMB 2.1', async () => {
    const server = await pair.serve(['samba-xfs'], { env });
    await server.exec('echo from the server > /srv/scratch/greeting; sync');
    const client = `set -e
      cat greeting
      head -c 3000000 /dev/urandom > 'big file'
      sha256sum < 'big file'
      mkdir -p dir/deeper && echo "$PWD" > dir/deeper/here
      for version in 2.1 3.0,seal; do
        mount -o "X-mount.mkdir,credentials=/etc/cifs-credentials,vers=$version" \\
          -t cifs //rapido-server/scratch "/mnt/$version"
        cmp 'big file' "/mnt/$version/big file"
        echo "$version" > "/mnt/$version/$version"
      done
      printf 'username=rapido\\npassword=wrong\\n' > /tmp/wrong
      ! mount -o X-mount.mkdir,credentials=/tmp/wrong -t cifs //rapido-server/scratch /mnt/no 2>&1`;
    const ran = await pair.run(['cifs', '-q', '--timeout', '2m', '-x', client], { env });
    expect(ran, ran.stdout + ran.stderr).toMatchObject({ status: 0, stderr: '' });
    const [greeting, digest, ...refusal] = ran.stdout.split('\n');
    expect(greeting).toBe('from the server');
    expect(refusal.join('\n')).toContain('Permission denied');
    // What the client did not sync is there, too: it was flushed when its VM powered off.
    const seen = await server.exec(`cd /srv/scratch && sha256sum < 'big file'
      cat dir/deeper/here 2.1 3.0,seal; stat -c %U dir; findmnt -n -o FSTYPE /srv/scratch`);
    expect(seen).toBe(`${digest}\n/mnt/cifs\n2.1\n3.0,seal\nrapido\nxfs\n`);
  });

  it('samba-btrfs as a server of a run, with names, options and a user of the conf', async () => {
    const ran = await pair.run(
      [
        ...['--with', 'samba-btrfs', 'cifs', '-q', '--timeout', '2m', '-x'],
        `findmnt -n -o SOURCE,FSTYPE,OPTIONS . && id -un > who && cat who && df -m . | tail -n 1`,
      ],
      {
        env: {
          ...env,
          CIFS_SHARE: 'my share',
          CIFS_USER: 'tester',
          CIFS_DOMAIN: 'LAB',
          CIFS_MOUNT_OPTS: 'vers=3.0,file_mode=0640',
        },
      },
    );
    expect(ran, ran.stdout + ran.stderr).toMatchObject({ status: 0, stderr: '' });
    const [mount, who, size] = ran.stdout.split('\n');
    expect(mount).toMatch(/^\/\/rapido-server\/my share cifs .*vers=3\.0,.*username=tester,/);
    expect(mount).toMatch(/,domain=LAB,.*file_mode=0640/);
    expect(who).toBe('root');
    expect(size).toMatch(/^\/\/rapido-server\/my share +512 /);
    expect(ran.file('console-vm1-samba-btrfs.log').toString()).toMatch(
      /^\/\/rapido1\/my share is \/srv\/my share \(btrfs\), for tester\r?$/m,
    );
  });
});
