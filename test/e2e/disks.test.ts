import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  truncateSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { makeQcow2 } from '../support/qcow2.ts';
import { createRunner } from '../support/runs.ts';
import { createWorkspace } from '../support/workspace.ts';

const MIB = 1024 * 1024;

describe('disks of a VM', () => {
  const home = createWorkspace(afterAll);
  const run = createRunner(home);
  const scratch = join(home.directory, '.cache/rapido/scratch');
  const scratchFiles = (): string[] => (existsSync(scratch) ? readdirSync(scratch) : []);

  const makeRaw = (name: string): string => {
    const path = home.write(name, '');
    truncateSync(path, 16 * MIB);
    return path;
  };

  it('a script finds each by its serial; its data is on the host, scratch disks are removed', async () => {
    const raw = makeRaw('test disk, raw.img');
    const qcow2 = home.write('test.qcow2', makeQcow2(16 * MIB));
    const conf = home.write(
      'disks.conf',
      ['[vm1]', 'DISKS = "test disk,, raw.img,serial=TEST_DEV, size:1G,serial=SCRATCH_DEV"'].join(
        '\n',
      ),
    );
    const text = `
      . /rapido/disks.sh
      for serial in TEST_DEV SCRATCH_DEV QCOW NVME; do
        device=\${RAPIDO_DISKS[$serial]}
        echo "$serial $device $(cat /sys/block/\${device#/dev/}/size)"
        echo "written to $serial" | dd of=$device conv=fsync status=none
      done`;
    const ran = await run(
      [
        ...['simple-example', '--disk', 'test.qcow2,serial=QCOW'],
        ...['--disk', 'size:64M,bus=nvme,serial=NVME', '-q', '-x', text],
      ],
      { env: { RAPIDO_CONF: conf } },
    );
    const sectors = (bytes: number): number => bytes / 512;
    expect(ran.stderr).toBe('');
    expect(ran.status).toBe(0);
    expect(ran.stdout).toBe(
      [
        `TEST_DEV /dev/vda ${sectors(16 * MIB)}`,
        `SCRATCH_DEV /dev/vdb ${sectors(1024 * MIB)}`,
        `QCOW /dev/vdc ${sectors(16 * MIB)}`,
        `NVME /dev/nvme0n1 ${sectors(64 * MIB)}\n`,
      ].join('\n'),
    );
    expect(readStart(raw)).toBe('written to TEST_DEV\n');
    // In the format of the file: at its beginning is still its own header.
    const image = readFileSync(qcow2);
    expect(image.toString('latin1', 0, 4)).toBe('QFI\xfb');
    expect(image.includes('written to QCOW\n')).toBe(true);
    expect(scratchFiles()).toEqual([]);
    expect(ran.result?.vm?.disks).toEqual([
      { path: raw, serial: 'TEST_DEV', bus: 'virtio', format: 'raw', readonly: false },
      expect.objectContaining({ serial: 'SCRATCH_DEV', scratch: 1024 * MIB }),
      { path: qcow2, serial: 'QCOW', bus: 'virtio', format: 'qcow2', readonly: false },
      expect.objectContaining({ serial: 'NVME', bus: 'nvme', scratch: 64 * MIB }),
    ]);
  });

  it('a read-only disk cannot be written on either bus, and its file is unchanged', async () => {
    const before = Buffer.alloc(MIB, 'rapido\n');
    const [one, two] = [home.write('one.img', before), home.write('two.img', before)];
    const text = `
      . /rapido/disks.sh
      for device in "\${RAPIDO_DISKS[@]}"; do
        head -c 6 $device; echo
        echo overwritten | dd of=$device conv=fsync status=none && exit 1
      done
      exit 0`;
    const ran = await run([
      ...['simple-example', '--disk', 'one.img,readonly'],
      ...['--disk', 'two.img,readonly,bus=nvme', '-x', text],
    ]);
    expect({ status: ran.status, stdout: ran.stdout }).toEqual({
      status: 0,
      stdout: 'rapido\nrapido\n',
    });
    expect(readFileSync(one).equals(before)).toBe(true);
    expect(readFileSync(two).equals(before)).toBe(true);
  });

  it('if rapido is killed, its VM ends, and the next rapido removes the scratch disk; no other VM gets a disk in use', async () => {
    const raw = makeRaw('shared.img');
    let left: string[] = [];
    await run(
      ['simple-example', '--disk', raw, '--disk', 'size:1G', '-x', 'echo READY; sleep 600'],
      {
        whenReady: async ({ rapido, qemu }) => {
          const second = await run(['simple-example', '--disk', raw, '--', 'true']);
          expect(second.status).toBe(125);
          expect(second.stderr).toContain(`${raw}: in use by the running VM 1 (rapido1)`);
          left = scratchFiles();
          process.kill(rapido, 'SIGKILL');
          while (existsSync(`/proc/${qemu}`)) await sleep(20);
        },
      },
    );
    expect(left).toHaveLength(1);
    expect(scratchFiles()).toEqual(left);
    const next = await run(['simple-example', '--disk', raw, '--', 'true']);
    expect(next.status).toBe(0);
    expect(scratchFiles()).toEqual([]);
  });
});

/** The first line of a file. */
function readStart(path: string): string {
  const fd = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(64);
    readSync(fd, buffer, 0, buffer.length, 0);
    return buffer.toString('latin1', 0, buffer.indexOf('\n') + 1);
  } finally {
    closeSync(fd);
  }
}
