import { describe, expect, it } from 'vitest';
import { canMakeNetworks } from '../support/network-namespace.ts';
import { createNetworkPair } from '../support/network-pair.ts';

/**
 * What a client does with a disk DISK of the server: reads what the server has put at 1 MiB, writes at 2 MiB,
 * and prints the digests of both.
 */
const USE = (findDisk: string): string => `
  set -eu
  . /rapido/lib.sh
  find_disk disk ${findDisk}
  dd if=$disk bs=64k skip=16 count=16 iflag=direct status=none | sha256sum
  dd if=/dev/urandom of=/tmp/data bs=64k count=16 status=none
  dd if=/tmp/data of=$disk bs=64k seek=32 oflag=direct status=none
  sha256sum < /tmp/data
  blockdev --getsize64 $disk`;

/** What a server writes to its device before. */
const PREPARE = `
  dd if=/dev/urandom of=/tmp/data bs=64k count=16 status=none
  dd if=/tmp/data of=/dev/zram0 bs=64k seek=16 oflag=direct status=none
  sha256sum < /tmp/data`;

/** What the server has received. */
const LOOK = 'dd if=/dev/zram0 bs=64k skip=32 count=16 iflag=direct status=none | sha256sum';

/** Logs in as two other initiators, of which the server lets in the first: the second of INITIATOR_IQNS. */
const LOG_IN_AS_OTHERS = `
  for name in friend=iqn.2007-10.com.github:sahlberg:libiscsi:iscsi-test-2 stranger=iqn.2003-01.com.example:me; do
    {
      iscsiadm -m iface -I \${name%%=*} -o new
      iscsiadm -m iface -I \${name%%=*} -o update -n iface.initiatorname -v \${name#*=}
      iscsiadm -m discovery -t sendtargets -p $INITIATOR_DISCOVERY_ADDR -I \${name%%=*} &&
        iscsiadm -m node -I \${name%%=*} --login && answer=in || answer=out
    } >&2
    echo "\${name%%=*} $answer"
  done`;

describe.runIf(canMakeNetworks)('two VMs on the bridge', () => {
  const pair = createNetworkPair();

  it('simple-network shows its addresses, and reaches another by name', async () => {
    // biome-ignore format: an option and its value share a line
    const ran = await pair.run([
      '--with', 'simple-network', 'simple-network', '--timeout', '2m',
      '--', 'ping', '-c', '1', '-W', '5', 'rapido-server',
    ]);
    expect(ran).toMatchObject({ status: 0 });
    expect(ran.stdout).toContain('1 received');
    const console = ran.file('console-vm1-simple-network.log').toString().replaceAll('\r', '');
    expect(console).toContain(
      '\neth0 192.168.155.11/24\nnames:\n  192.168.155.11 rapido1 rapido-server\n',
    );
    expect(console).toContain('\n  192.168.155.12 rapido2\n');
  });

  it('nvme-tcp: data that one VM writes is on the disk of the other', async () => {
    const env = { NVME_TCP_SIZE: '96M' };
    const server = await pair.serve(['nvme-tcp-target'], { env });
    const put = await server.exec(PREPARE);
    const client = await pair.run([
      'nvme-tcp-initiator',
      '--timeout',
      '2m',
      '-x',
      USE("device/subsysnqn '*:rapido'"),
    ]);
    expect(client, client.stderr).toMatchObject({ status: 0 });
    expect(client.stdout).toBe(`${put}${await server.exec(LOOK)}${96 * 1024 * 1024}\n`);
    expect(client.file('console.log').toString()).toContain(
      '/dev/nvme0n1 is nqn.2003-01.org.linux-nvme:rapido at rapido-server over NVMe/TCP',
    );
  });

  it.each([
    { cut: 'lio-iscsi', key: 'LIO_ISCSI_SIZE', vendor: 'LIO-ORG*', address: 'rapido-server' },
    { cut: 'tgt-local', key: 'TGT_LOCAL_SIZE', vendor: 'IET*', address: '192.168.155.11' },
  ])(
    '$cut and openiscsi: data that one VM writes is on the disk of the other; other initiators are rejected',
    async (target) => {
      const server = await pair.serve([target.cut], { env: { [target.key]: '96M' } });
      const put = await server.exec(PREPARE);
      const env = { INITIATOR_DISCOVERY_ADDR: target.address };
      const client = await pair.run(
        [
          'openiscsi',
          '--timeout',
          '2m',
          '-x',
          USE(`device/vendor '${target.vendor}'`) + LOG_IN_AS_OTHERS,
        ],
        { env },
      );
      expect(client, client.stderr).toMatchObject({ status: 0 });
      expect(client.stdout).toBe(
        `${put}${await server.exec(LOOK)}${96 * 1024 * 1024}\nfriend in\nstranger out\n`,
      );
      expect(client.file('console.log').toString()).toContain(
        `/dev/sda: from ${target.address} over iSCSI`,
      );
    },
  );
});
