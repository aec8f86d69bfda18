import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CHANNEL_MODULES, makeKernelTree } from '../support/kernel-tree.ts';
import { createRunner } from '../support/runs.ts';
import { createWorkspace, ONE_CPU } from '../support/workspace.ts';

describe('a guest with the programs of the host', () => {
  const home = createWorkspace(afterAll, ONE_CPU);
  const run = createRunner(home);

  it('runs a command in the same directory, and keeps what it writes to itself', async () => {
    const cwd = join(home.directory, 'my project/src');
    mkdirSync(join(home.directory, 'my project/.git'), { recursive: true });
    home.write('my project/src/note', 'from the host\n');
    home.write('my project/tool', '#!/bin/sh\necho "tool in $PWD"\n', 0o755);
    const script = [
      // Nothing of this is listed anywhere.
      `perl -e 'print 6 * 7, "\\n"'`,
      'pwd',
      'cat note; ../tool',
      'echo changed > note; cat note; touch /usr/new && ls /usr/new',
      // Modules of this kernel that no cut names, and none of another.
      'ls /lib/modules | grep -cvx "$(uname -r)"; modprobe loop && echo loaded; ls /sys/module/loop/initstate',
      'ls -A /root /home 2> /dev/null | grep -vc -e : -e "^$"; readlink -f /sbin/poweroff',
      'grep -c " /usr overlay " /proc/mounts; grep -o "^root[0-9]* .* ro," /proc/mounts | wc -l',
      'cp note /rapido/results/',
    ];
    const ran = await run(['--', 'bash', '-c', script.join('\n')], { cwd });
    expect(ran).toMatchObject({ status: 0 });
    const lines = ran.stdout.split('\n');
    expect(lines.slice(0, 6)).toEqual([
      '42',
      cwd,
      'from the host',
      `tool in ${cwd}`,
      'changed',
      '/usr/new',
    ]);
    expect(lines.slice(6, 9)).toEqual(['0', 'loaded', '/sys/module/loop/initstate']);
    expect(lines.slice(9, 12)).toEqual(['0', '/rapido/power-off', '1']);
    expect(Number(lines[12])).toBeGreaterThanOrEqual(3);
    expect(readFileSync(join(cwd, 'note'), 'utf8')).toBe('from the host\n');
    expect(ran.file('guest/note').toString()).toBe('changed\n');
    expect(ran.stderr).toContain('PASS host: ');
    // Programs of the host cannot be started once the kernel has stopped its devices.
    expect(ran.file('console.log').toString()).not.toContain('command not found');
  });

  it('reads and writes the directories of --share, with any cut', async () => {
    const [input, output] = ['in, a', 'out 100%'].map((name) => join(home.directory, name));
    mkdirSync(output ?? '');
    home.write('in, a/file', 'text\n');
    const script =
      'cat "$1/file"; touch "$1/x" || echo read-only; cp "$1/file" "/mnt/o u/copy"; ls /mnt';
    // biome-ignore format: an option and its value share a line
    const ran = await run([
      'simple-example', '--share', `${input}`, '--share', `${output}:/mnt/o u,rw`,
      '--', 'sh', '-c', script, 'sh', `${input}`,
    ]);
    expect(ran).toMatchObject({ status: 0, stdout: 'text\nread-only\no u\n' });
    expect(readFileSync(join(output ?? '', 'copy'), 'utf8')).toBe('text\n');
  });

  it('is refused for a kernel without 9p, and so is --share', async () => {
    const tree = join(home.directory, 'linux');
    makeKernelTree(tree, { drivers: CHANNEL_MODULES });
    const words = ['run', '--kernel', tree];
    const host = await home.rapido([...words, '--', 'true']);
    expect(host.status).toBe(125);
    expect(host.stderr).toContain('has no module 9pnet_virtio, CONFIG_NET_9P_VIRTIO');
    expect(host.stderr).toContain('has no module overlay, CONFIG_OVERLAY_FS');
    const share = await home.rapido([...words, 'simple-example', '--share', '/usr', '--', 'true']);
    expect(share.status).toBe(125);
    expect(share.stderr).toContain('has no 9p over virtio (CONFIG_9P_FS, CONFIG_NET_9P_VIRTIO)');
    rmSync(tree, { recursive: true });
  });
});
