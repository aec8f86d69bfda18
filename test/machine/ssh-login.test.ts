import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findIdentity } from '../../src/image/ssh-identity.ts';
import { describeLogin } from '../../src/machine/ssh-login.ts';
import { planVmNetwork } from '../../src/net/vm-network.ts';
import { readConf } from '../conf/read-conf.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';

const KEY = `ssh-ed25519 AAAA${'b'.repeat(64)}`;

describe('the private key that belongs to SSH_AUTHORIZED_KEY', () => {
  /** A directory with the keys `own` and `agent`; only an agent has the private key of the latter. */
  const makeKeys = (): string => {
    const directory = makeTemporaryDirectory();
    writeFiles(directory, {
      own: 'private',
      'own.pub': `${KEY} me@host\n`,
      'agent.pub': 'ssh-rsa',
    });
    return directory;
  };
  const find = (lines: string): string | undefined => {
    const directory = makeKeys();
    return findIdentity(readConf(lines.replaceAll('DIR', directory)))?.replace(directory, 'DIR');
  };

  test.each([
    ['is beside the public one', 'SSH_AUTHORIZED_KEY = "DIR/own.pub"', 'DIR/own'],
    ['is SSH_IDENTITY by default', 'SSH_IDENTITY = "DIR/own"', 'DIR/own'],
    [
      'is SSH_IDENTITY if the text is its public key, whatever the comment',
      `SSH_IDENTITY = "DIR/own"\nSSH_AUTHORIZED_KEY = "${KEY} other comment"`,
      'DIR/own',
    ],
    [
      'is another key if the text is that of another',
      `SSH_IDENTITY = "DIR/own"\nSSH_AUTHORIZED_KEY = "${KEY}b"`,
      undefined,
    ],
    ['is not known of an agent', 'SSH_AUTHORIZED_KEY = "DIR/agent.pub"', undefined],
    ['is not known without any', '', undefined],
  ])('%s', (_what, lines, expected) => {
    expect(find(lines)).toBe(expected);
  });
});

describe('the ssh command for a login', () => {
  const login = (
    kind: 'tap' | 'user' | 'none',
    { sections = '', identity }: { sections?: string; identity?: string } = {},
  ): string | undefined => {
    const network = planVmNetwork({
      kind,
      number: 1,
      conf: readConf(sections),
      netConf: new Map(),
      hostId: 'host',
      servers: [1],
      vhost: false,
    });
    return describeLogin({ network, number: 1 }, { sshServer: { identity } });
  };
  const OPTIONS = '-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR';

  test('on the bridge: its address', () => {
    expect(login('tap')).toBe(`log in: ssh ${OPTIONS} root@192.168.155.11`);
  });

  test('behind NAT: the port of this host that leads to port 22', () => {
    const sections = '[vm1]\nFORWARD = 2222:80, 2223:22/udp, 2224:22\n';
    const directory = makeTemporaryDirectory();
    writeFiles(directory, { 'a key': '' });
    const identity = join(directory, 'a key');
    expect(login('user', { sections, identity })).toBe(
      `log in: ssh -p 2224 -i '${identity}' ${OPTIONS} root@127.0.0.1`,
    );
  });

  test('does not name a key that no longer exists', () => {
    expect(login('tap', { identity: '/does/not/exist' })).toBe(
      `log in: ssh ${OPTIONS} root@192.168.155.11`,
    );
  });

  test('says what is missing if no port leads to it; nothing without a network or server', () => {
    expect(login('user')).toContain('--forward 2222:22');
    expect(login('none')).toBeUndefined();
    expect(describeLogin({ network: undefined, number: 1 }, {})).toBeUndefined();
  });
});
