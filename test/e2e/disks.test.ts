import { existsSync, readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
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
      'simple-example',
      '--disk',
      'one.img,readonly',
      '--disk',
      'two.img,readonly,bus=nvme',
      '-x',
      text,
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
