import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { findProgram, programSearchPath } from '../../src/host/programs.ts';
import { canMakeNetworks } from '../support/network-namespace.ts';
import { createNetworkPair } from '../support/network-pair.ts';

/** Sends a megabyte to the server, and tries a key that the server does not know. */
const USE = `
  set -eu
  dd if=/dev/urandom of=/tmp/data bs=64k count=16 status=none
  ssh $SSH_SERVER 'cat > /tmp/data; echo "$HOSTNAME $SSH_CLIENT" | sed "s/ [0-9]* 22$//"' < /tmp/data
  sha256sum < /tmp/data
  ssh-keygen -q -t ed25519 -N '' -f /tmp/other
  ssh -F none -o BatchMode=yes -i /tmp/other root@$SSH_SERVER true 2>&1 || echo "status $?"`;

/** openSUSE has no package of it. */
const hasServer = findProgram('dropbear', programSearchPath(process.env.PATH)) !== undefined;

describe.runIf(canMakeNetworks && hasServer)('ssh between two VMs', () => {
  const pair = createNetworkPair();
  const path = (name: string): string => join(pair.home.directory, name);
  const makeKey = (name: string): string => {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', path(name)]);
    return path(name);
  };
  const publicKey = (name: string): string => readFileSync(path(`${name}.pub`), 'utf8').trim();
  beforeAll(() => {
    for (const name of ['identity', 'host', 'impostor']) makeKey(name);
  });
  const env = () => ({ SSH_IDENTITY: path('identity') });
  const knowing = (name: string) => ({
    ...env(),
    SSH_KNOWN_HOSTS: pair.home.write(`knows-${name}`, `rapido-server ${publicKey(name)}\n`),
  });
  const logIn = (options: { env: Record<string, string> }) =>
    pair.run(['ssh-client', '--timeout', '2m', '-x', USE], options);

  it('dropbear accepts the holder of the key; ssh-client connects only to a known host', async () => {
    const server = await pair.serve(['dropbear'], {
      env: { SSH_AUTHORIZED_KEY: publicKey('identity'), DROPBEAR_HOST_KEY: path('host') },
    });
    const client = await logIn({ env: knowing('host') });
    expect(client, client.stderr).toMatchObject({ status: 0 });
    const arrived = await server.exec('sha256sum < /tmp/data');
    expect(client.stdout).toBe(
      `rapido1 192.168.155.12\n${arrived}root@rapido-server: Permission denied (publickey).\r\nstatus 255\n`,
    );
    const deceived = await logIn({ env: knowing('impostor') });
    expect(deceived).toMatchObject({ status: 1, stdout: '' });
    const console = deceived.file('console.log').toString();
    expect(console).toContain('Host key verification failed');
    expect(console).toContain('ssh-client: cannot log in to rapido-server as root');
  });

  it('without a host key one is generated, and without known hosts any is accepted, with a warning', async () => {
    const ran = await pair.run(['--with', 'dropbear', 'ssh-client', '--timeout', '2m', '-x', USE], {
      env: env(),
    });
    expect(ran, ran.stderr).toMatchObject({ status: 0 });
    const console = ran.file('console.log').toString();
    expect(console).toContain('the host key of rapido-server is accepted unchecked');
    const made = /ssh-ed25519 AAAA\S+/.exec(ran.file('console-vm1-dropbear.log').toString())?.[0];
    expect(made).toBeDefined();
    expect(publicKey('host')).not.toContain(made);
  });

  it('dropbear behind NAT prints the ssh command for the login, and ps the forwarded port', async () => {
    const { rapido } = pair;
    const env = { SSH_IDENTITY: path('identity') };
    expect(await rapido(['cut', 'dropbear'], { env })).toMatchObject({ status: 0 });
    const forward = ['--forward', '2222:22'];
    const booted = await rapido(['boot', '--detach', ...forward]);
    onTestFinished(pair.home.killVms);
    expect(booted, booted.stderr).toMatchObject({ status: 0, stdout: '1\n' });
    const [, command = 'no command'] = /^log in: (.+)$/m.exec(booted.stderr) ?? [];
    expect(command).toMatch(/^ssh -p 2222 -i .*\/identity'? .* root@127\.0\.0\.1$/);
    expect(pair.onHost(`${command} -o BatchMode=yes -F none uname -n`)).toBe('rapido1\n');
    expect((await rapido(['ps'])).stdout).toMatch(/^1 +dropbear .* 127\.0\.0\.1:2222->22 +ready$/m);
    const second = await rapido(['boot', '--detach', ...forward]);
    expect(second.stderr).toContain(
      '--forward: port 2222 of 127.0.0.1 is forwarded to VM 1 (dropbear)',
    );
  });

  it('a private key is only in the image of its cut, and a missing file is rejected', async () => {
    const secret = readFileSync(path('identity'), 'utf8').split('\n')[2] ?? '';
    const isIn = (name: string): boolean =>
      readFileSync(join(pair.home.images, `${name}.img`)).includes(secret);
    expect(await pair.rapido(['cut', 'ssh-client'], { env: env() })).toMatchObject({ status: 0 });
    expect(await pair.rapido(['cut', 'dropbear'], { env: env() })).toMatchObject({ status: 0 });
    expect([isIn('ssh-client'), isIn('dropbear')]).toEqual([true, false]);
    const refused = await pair.rapido(['cut', 'ssh-client'], {
      env: { ...env(), SSH_KNOWN_HOSTS: '/no/such/file' },
    });
    expect(refused.stderr).toContain('SSH_KNOWN_HOSTS: /no/such/file does not exist (expected ');
    expect((await pair.rapido(['cut', 'dropbear'])).stderr).toContain(
      'SSH_AUTHORIZED_KEY is not set',
    );
  });
});
