import { closeSync, openSync, readdirSync, readFileSync, readSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { isAlive } from '../../../src/sys/process-identity.ts';
import type { VmEntry } from '../../../src/vm/registry.ts';
import { canMakeNetworks, makeNetworkNamespace } from '../../support/network-namespace.ts';
import { makeQcow2 } from '../../support/qcow2.ts';
import { createRunner } from '../../support/runs.ts';
import { interruptProgram, modesOf, openTerminal, SIZE } from '../../support/terminal.ts';
import { createWorkspace } from '../../support/workspace.ts';

const PROMPT = /rapido1:~# $/;
const MIB = 1024 * 1024;

/** What a VM is to its user: scripts, a shell, commands from the host, disks, a network. */
describe('a VM', () => {
  const home = createWorkspace(afterAll);
  const run = createRunner(home);

  it('runs the autorun scripts, then -x and -f in order, and exits with 0', async () => {
    const script = home.write('my script.sh', '#!/bin/bash\necho "two: $0"\n', 0o755);
    const plain = home.write('no-shebang', 'echo "three: $BASH_VERSION"\n');
    // biome-ignore format: an option and its value share a line
    const result = await home.rapido([
      'cut', 'simple-example', '--boot',
      '-x', 'echo one: $(uname -n) $(nproc) $(cat /sys/class/dmi/id/product_name)',
      '-f', script, '-f', plain,
      // What boot takes, cut takes with --boot.
      '--cpus', '1', '--memory', '400M', '--', '-smbios', 'type=1,product=mine',
    ]);
    expect(result).toMatchObject({ status: 0 });
    const said = result.stdout.replaceAll('\r', '').split('\n');
    const order = said.filter((line) => /^(Linux|one|two|three)/.test(line));
    expect(order).toEqual([
      expect.stringMatching(/^Linux \S+ was up in [\d.]+ s/),
      'one: rapido1 1 mine',
      'two: /rapido/autorun/02-my_script.sh',
      expect.stringMatching(/^three: 5/),
    ]);
  });

  it('gives a shell at a terminal, where everything a shell user expects works', async () => {
    await home.rapido(['cut', 'simple-example']);
    const terminal = openTerminal(home, ['boot']);
    const { type, waitFor } = terminal;
    await waitFor(PROMPT);

    type('stty size; echo $TERM; echo $-; echo $$-$PPID\r');
    await waitFor(new RegExp(`^${SIZE}\\nxterm\\n\\w*m\\w*\\n\\d+-1$`, 'm'));

    await waitFor(PROMPT);
    await interruptProgram(terminal, PROMPT);
    type('echo status $?\r');
    await waitFor(/^status 130$/m);

    type('ls /rapido/aut\t\r');
    await waitFor(/^00-simple-example\.sh$/m);

    const long = 'x'.repeat(1000);
    type(`echo ${long} | wc -c\r`);
    await waitFor(/^1001$/m);

    type('exit\r');
    expect(await terminal.ended).toBe(0);
    const { before, after } = modesOf(terminal);
    expect(after).toBe(before);
  });

  it('runs in the background: ps lists it, exec runs commands in it, stop powers it off', async () => {
    await home.rapido(['cut', 'simple-example']);
    const registry = join(home.directory, 'run/rapido');
    const booted = await home.rapido(['boot', '--detach']);
    onTestFinished(home.killVms);
    expect(booted).toMatchObject({ status: 0, stdout: '1\n' });
    expect(booted.stderr).toMatch(/^booting simple-example as rapido1 on Linux/m);
    const { owner, qemu }: VmEntry = JSON.parse(readFileSync(join(registry, 'vm1.json'), 'utf8'));

    expect((await home.rapido(['ps'])).stdout).toMatch(
      /^vm +cut +kernel +pid +up +address +state\n1 +simple-example .* ready\n$/,
    );
    const [vm] = JSON.parse((await home.rapido(['ps', '--json'])).stdout);
    expect(vm).toMatchObject({ number: 1, hostname: 'rapido1', pid: qemu?.pid });

    const script = 'echo out; echo err >&2; read -r line; echo "$line"; wc -c; exit 7';
    const ran = await home.rapido(['exec', '1', '--', 'sh', '-c', script], {
      input: `first\n${'x'.repeat(100_000)}`,
    });
    expect(ran).toMatchObject({ status: 7, stdout: 'out\nfirst\n100000\n', stderr: 'err\n' });

    const stopped = await home.rapido(['stop', '1']);
    expect(stopped).toMatchObject({ status: 0, stdout: 'VM 1 (simple-example) has powered off\n' });
    expect(isAlive(owner)).toBe(false);
    expect(qemu === undefined || isAlive(qemu)).toBe(false);
    expect(await home.rapido(['ps'])).toMatchObject({
      stdout: '',
      stderr: 'no VMs are running\nnetwork: not set up\n',
    });
    expect(readdirSync(registry)).toEqual(['lock']);
  });

  it('has disks: a script finds each by its serial, and what it writes is on the host', async () => {
    const raw = home.write('test disk, raw.img', '');
    truncateSync(raw, 16 * MIB);
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
        'simple-example',
        '--disk',
        'test.qcow2,serial=QCOW',
        '--disk',
        'size:64M,bus=nvme,serial=NVME',
        '-q',
        '-x',
        text,
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
    expect(readdirSync(join(home.directory, '.cache/rapido/scratch'))).toEqual([]);
    expect(ran.result?.vm?.disks).toEqual([
      { path: raw, serial: 'TEST_DEV', bus: 'virtio', format: 'raw', readonly: false },
      expect.objectContaining({ serial: 'SCRATCH_DEV', scratch: 1024 * MIB }),
      { path: qcow2, serial: 'QCOW', bus: 'virtio', format: 'qcow2', readonly: false },
      expect.objectContaining({ serial: 'NVME', bus: 'nvme', scratch: 64 * MIB }),
    ]);
  });

  it.runIf(canMakeNetworks)(
    'has a network without a bridge: a port of the host is forwarded to it, for the host alone',
    async () => {
      const alone = makeNetworkNamespace();
      alone.run('ip', 'address', 'add', '10.0.0.1/32', 'dev', 'lo');
      const env = { RAPIDO_CONF: home.write('forward.conf', '[vm1]\nFORWARD = 2223:23\n') };
      const connect = (address: string): string =>
        alone.run(
          'bash',
          '-c',
          `{ exec 3<>/dev/tcp/${address}/2222; } 2> /dev/null && cat <&3 || echo refused`,
        );
      let heard: string[] = [];
      const ran = await run(
        [
          'simple-example',
          '--forward',
          '2222:22',
          '-q',
          '--timeout',
          '2m',
          '-i',
          'busybox',
          '-x',
          `grep -c rapido1 /etc/hosts; echo READY; echo hello | busybox nc -l -p 22`,
        ],
        {
          prefix: alone.prefix,
          env,
          whenReady: async () => {
            // The program in the guest may not listen yet: QEMU accepts the connection and then closes it.
            for (let tries = 0; tries < 50 && !heard.includes('hello\n'); tries++) {
              heard = [connect('10.0.0.1'), connect('127.0.0.1')];
              await sleep(100);
            }
          },
        },
      );
      expect(ran).toMatchObject({ status: 0, stderr: '', stdout: '1\nREADY\n' });
      expect(heard).toEqual(['refused\n', 'hello\n']);
    },
  );
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
