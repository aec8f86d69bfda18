import { afterAll, describe, expect, test } from 'vitest';
import { createRunner } from '../support/runs.ts';
import { createWorkspace, ONE_CPU } from '../support/workspace.ts';

/** Writes to the device, and reads the same from the zram device that it must be. */
const ROUND_TRIP = (device: string) => `
  dd if=/dev/urandom of=/tmp/data bs=64k count=4 status=none
  dd if=/tmp/data of=${device} oflag=direct bs=64k status=none && sync
  dd if=/dev/zram0 iflag=direct bs=64k count=4 status=none | cmp - /tmp/data && echo same
  blockdev --getsize64 ${device}`;

describe('a storage target that the kernel serves to itself', () => {
  const home = createWorkspace(afterAll, ONE_CPU);
  const run = createRunner(home);

  test.each([
    {
      cut: 'nvme-local',
      device: '/dev/nvme0n1',
      key: 'NVME_LOCAL_SIZE',
      how: /over NVMe \((loop|tcp)\)/,
    },
    { cut: 'lio-local', device: '/dev/sda', key: 'LIO_LOCAL_SIZE', how: /over LIO/ },
  ])('$cut: $device is a zram device of the size that was asked for', async (target) => {
    const { status, stdout, result, file } = await run(
      [target.cut, '-x', ROUND_TRIP(target.device)],
      {
        env: { [target.key]: '96M' },
      },
    );
    expect({ status, stdout }).toEqual({ status: 0, stdout: `same\n${96 * 1024 * 1024}\n` });
    expect(result?.vm?.memory).toBe((512 + 96) * 1024 * 1024);
    expect(file('console.log').toString()).toMatch(target.how);
    expect(file('console.log').toString()).toContain(`${target.device} is /dev/zram0`);
  });
});
