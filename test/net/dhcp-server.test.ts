import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { dhcpServerCommand, findDhcpServers } from '../../src/net/dhcp-server.ts';

const RANGE = { first: '192.168.7.1', last: '192.168.7.2', lease: '12h' };

/** Starts a process with the command line of rapido's DHCP server. @returns its pid */
async function pretend(prefix: readonly string[]): Promise<number> {
  const words = dhcpServerCommand('rapido-pretended', RANGE, [], false).slice(1);
  const script = 'exec -a dnsmasq bash -c "read; exit" "$@"';
  const [file = '', ...args] = [...prefix, 'bash', '-c', script, 'bash', ...words];
  const child = spawn(file, args, { stdio: ['pipe', 'ignore', 'ignore'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const pid = child.pid ?? 0;
  await vi.waitFor(() => {
    expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toMatch(/^dnsmasq\0.*rapido-pretended/);
  });
  return pid;
}

const found = (pid: number): boolean =>
  findDhcpServers().some(({ process }) => process.pid === pid);

describe.runIf(process.getuid?.() === 0)(
  "a process with the command line of rapido's DHCP server",
  () => {
    test("counts if it is root's, or has what root left it", async () => {
      expect(found(await pretend(['env']))).toBe(true);
      const keep = ['--inh-caps=+net_admin', '--ambient-caps=+net_admin'];
      expect(found(await pretend(['setpriv', '--reuid=65534', '--clear-groups', ...keep]))).toBe(
        true,
      );
    });

    test('does not count if it is of another user', async () => {
      expect(found(await pretend(['setpriv', '--reuid=65534', '--clear-groups']))).toBe(false);
    });

    test('does not count if it is root only in a user namespace', async () => {
      expect(found(await pretend(['unshare', '--user', '--map-root-user']))).toBe(false);
    });
  },
);
