import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findProgram, programSearchPath } from '../../src/host/programs.ts';
import { readTextIfReachable } from '../../src/sys/stat.ts';
import { createRunner } from '../support/runs.ts';
import { createWorkspace, ONE_CPU, type Workspace } from '../support/workspace.ts';

const isThere = (name: string): boolean =>
  findProgram(name, programSearchPath(process.env.PATH)) !== undefined;

const PASSWORD = 'Zk7-do not tell';
const TOKEN = 'Qw3rty-nor this';

/** Notes every command line that it sees in the guest, once. */
const WATCH = `(
  all=
  while :; do
    for file in /proc/[0-9]*/cmdline; do
      { mapfile -d '' -t words < "$file"; } 2> /dev/null || continue
      [[ $all == *"<\${words[*]}>"* ]] && continue
      all+="<\${words[*]}>"
      printf '%s\\n' "\${words[*]}" >> /rapido/results/seen
    done
  done
) < /dev/null &
`;

/** A VM that serves an SMB share and mounts it, so that all that handles the password is in it. */
const CUT = {
  summary: 'SMB to itself',
  network: true,
  binaries: ['sh', 'cat', 'grep', 'findmnt', 'chown', 'mkdir', 'mkfs.xfs', 'dmesg'].concat([
    'smbd',
    'smbpasswd',
    'mount.cifs',
  ]),
  drivers: ['xfs', 'cifs'],
  optionalDrivers: ['ccm', 'gcm', 'ctr', 'ghash-generic', 'cmac', 'nls_utf8'],
  zram: { SHARE: '512M' },
  contents: { '/etc/rapido-share': 'filesystem=xfs\n' },
  autorun: ['watch.sh', 'smb-share.sh', 'samba.sh', 'cifs-credentials.sh', 'cifs.sh'],
  conf: {
    needs: ['CIFS_PW'],
    uses: ['CIFS_SERVER', 'CIFS_SHARE', 'CIFS_USER'],
    defines: { MY_TOKEN: { type: 'string', secret: true, meaning: 'Opens a door.' } },
  },
};

describe.runIf(isThere('smbd') && isThere('mount.cifs'))('a password and a token', () => {
  const home = createWorkspace(afterAll, ONE_CPU);
  const run = createRunner(home);
  const conf = home.write(
    'rapido.conf',
    `CIFS_PW = "${PASSWORD}"\nMY_TOKEN = "${TOKEN}"\nCIFS_SERVER = 127.0.0.1\nVM_NET = user\n`,
  );
  home.write('.config/rapido/cuts/to-itself.js', `export default ${JSON.stringify(CUT)};\n`);
  home.write('.config/rapido/cuts/autorun/watch.sh', `#!/bin/bash\n${WATCH}`, 0o755);

  it('are only in the image of a cut that declares them, and in no arguments and no output', async () => {
    const outputs = await Promise.all([
      home.rapido(['conf']),
      home.rapido(['conf', 'CIFS_PW', 'MY_TOKEN']),
      home.rapido(['conf', '--json']),
      home.rapido(['--debug', 'cut', 'to-itself', '--dry-run']),
    ]);
    outputs.push(await home.rapido(['--debug', 'cut', 'simple-example']));
    outputs.push(await home.rapido(['--debug', 'cut', 'to-itself']));
    const seen = watchCommandLines();
    const ran = await run([
      'to-itself',
      '--timeout',
      '3m',
      '-x',
      'echo ${#CIFS_PW} ${#MY_TOKEN}; cat /proc/cmdline /proc/mounts',
    ]);
    const commandLines = seen.end();
    outputs.push(ran, await home.rapido(['--debug', 'run', 'to-itself', '--dry-run']));
    outputs.push(await home.rapido(['boot', 'simple-example', '--dry-run']));

    expect(ran, ran.stdout + ran.stderr).toMatchObject({ status: 0 });
    expect(ran.stdout).toMatch(new RegExp(`^${PASSWORD.length} ${TOKEN.length}\n`));
    expect(outputs.map(({ status }) => status)).toEqual(outputs.map(() => 0));
    expect(outputs.flatMap(({ stdout, stderr }) => secretsIn(stdout + stderr))).toEqual([]);

    // The guest, in which passwords are used; what was recorded there is a file of the results.
    const inGuest = ran.file('guest/seen').toString();
    for (const program of ['smbpasswd', 'smbd', 'mount.cifs', '/rapido/session']) {
      expect(inGuest).toContain(program);
    }
    expect(secretsIn(inGuest)).toEqual([]);
    expect(commandLines).toContain('qemu-system');
    expect(secretsIn(commandLines)).toEqual([]);

    const files = filesWithSecrets(home);
    expect(files.get(conf)).toBeDefined();
    files.delete(conf);
    const images = [...files.keys()];
    // The image of the cut, and that of the run.
    expect(images).toEqual([
      expect.stringMatching(/\/images\/(run\/)?to-itself[^/]*$/),
      expect.stringMatching(/\/images\/(run\/)?to-itself[^/]*$/),
    ]);
    expect([...files.values()]).toEqual(images.map(() => 0o600));
    expect(statSync(join(home.images, 'simple-example.img')).mode & 0o777).toBe(0o600);
  });
});

/** Collects the command lines of all processes of this host until it is ended. */
function watchCommandLines(): { end: () => string } {
  const lines = new Set<string>();
  const look = (): void => {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      const line = readTextIfReachable(`/proc/${pid}/cmdline`);
      if (line !== undefined) lines.add(line.replaceAll('\0', ' '));
    }
  };
  const timer = setInterval(look, 100);
  return {
    end: () => {
      clearInterval(timer);
      return [...lines].join('\n');
    },
  };
}

function secretsIn(text: string): string[] {
  return [PASSWORD, TOKEN].filter((secret) => text.includes(secret));
}

/** The files below the home directory that hold a secret, with their permissions. */
function filesWithSecrets({ directory }: Workspace): Map<string, number> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const found = new Map<string, number>();
  for (const { parentPath, name } of files) {
    const path = join(parentPath, name);
    const content = readFileSync(path);
    if (content.includes(PASSWORD) || content.includes(TOKEN)) {
      found.set(path, statSync(path).mode & 0o777);
    }
  }
  return found;
}
