import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { addCut } from '../support/cuts.ts';
import { makeKernelTree } from '../support/kernel-tree.ts';
import { createRunner } from '../support/runs.ts';
import { createWorkspace } from '../support/workspace.ts';

/** Runs that succeed, and their results. */
describe('rapido run', () => {
  const home = createWorkspace(afterAll);
  const run = createRunner(home);

  /** Prefix that runs rapido with a file, or a command of bash, as its stdin and stdout. */
  const inBash = (command: string): string[] => ['bash', '-c', command, 'bash'];
  const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');

  it('passes arguments to the command byte for byte', async () => {
    const words = [
      'two words',
      `"double" 'single' \`back\` $HOME $(id) \\ * ? ~ ! # ; & |`,
      'line\nfeed\n',
      '\ttab\r',
      'ünïcödé ☃',
      '',
      '-n',
      '--help',
      '-',
      'x'.repeat(100_000),
      '',
    ];
    const ran = await run(['simple-example', '-q', '--', 'printf', '%s\\0', ...words], {
      // Node cannot pass invalid UTF-8.
      prefix: inBash(`exec "$@" $'\\xff\\xfe\\x80 \\x01'`),
    });
    expect(ran.status).toBe(0);
    const strange = Buffer.from([0xff, 0xfe, 0x80, 0x20, 0x01, 0]);
    const expected = Buffer.concat([
      Buffer.from(words.map((word) => `${word}\0`).join('')),
      strange,
    ]);
    expect(ran.file('stdout.log').equals(expected)).toBe(true);
  });

  it('keeps stdout and stderr separate, complete, and free of kernel messages', async () => {
    const text = `for i in $(seq 200); do
        echo "out $i"; echo "err $i" >&2; echo "kernel $i" > /dev/kmsg
      done`;
    // Both can be opened again.
    const again = 'echo out > /dev/stdout; echo err > /dev/stderr; echo more | tee /dev/stderr';
    const ran = await run(['simple-example', '-q', '-x', `${text}; ${again}`]);
    expect(ran.status).toBe(0);
    const lines = (word: string): string =>
      Array.from({ length: 200 }, (_, index) => `${word} ${index + 1}\n`).join('');
    const [stdout, stderr] = [`${lines('out')}out\nmore\n`, `${lines('err')}err\nmore\n`];
    expect(ran).toMatchObject({ stdout, stderr });
    expect(ran.file('stdout.log').toString()).toBe(stdout);
    expect(ran.file('stderr.log').toString()).toBe(stderr);
  });

  it('shows output while the command runs', async () => {
    let sawItRunning = false;
    const text = 'echo READY; read -r word; echo "got $word"';
    // The input ends only after READY was seen; if rapido delayed output, this would not end.
    const fifo = join(home.directory, 'fifo');
    const ran = await run(['simple-example', '--timeout', '120s', '-x', text], {
      prefix: inBash(`mkfifo '${fifo}' && exec "$@" <> '${fifo}'`),
      whenReady: () => {
        sawItRunning = true;
        writeFileSync(fifo, 'an answer\n');
      },
    });
    expect(sawItRunning).toBe(true);
    expect(ran).toMatchObject({ status: 0, stdout: 'READY\ngot an answer\n' });
  });

  it('loses none of 50 MB', async () => {
    const ran = await run(['simple-example', '-q', '--', 'seq', '1', '6500000']);
    expect(ran.status).toBe(0);
    const expected = createHash('sha256');
    for (let first = 1; first <= 6_500_000; first += 100_000) {
      let part = '';
      for (let number = first; number < first + 100_000; number++) part += `${number}\n`;
      expected.update(part);
    }
    expect(ran.stdout.length).toBeGreaterThan(50_000_000);
    expect(sha256(ran.stdout)).toBe(expected.digest('hex'));
  });

  describe('passes its standard input', () => {
    it('completely: 10 MB', async () => {
      const input = 'all work and no play\n'.repeat(500_000);
      const ran = await run(['simple-example', '--', 'sha256sum'], { input });
      expect(ran).toMatchObject({ status: 0, stdout: `${sha256(input)}  -\n` });
    });

    it('if it is empty', async () => {
      const ran = await run(['simple-example', '--', 'wc', '-c'], { input: '' });
      expect(ran).toMatchObject({ status: 0, stdout: '0\n' });
    });

    it('to a command that does not read it, which ends nevertheless', async () => {
      const ran = await run(['simple-example', '--', 'true'], {
        prefix: inBash('yes | head -c 5M | "$@"; exit "${PIPESTATUS[2]}"'),
      });
      expect(ran.status).toBe(0);
    });
  });

  it('runs text with bash: -x; an input that is /dev/null is empty', async () => {
    const text = 'a=(1 2 3); echo "${#a[@]} $PWD"; wc -c';
    const ran = await run(['simple-example', '-x', text]);
    expect(ran).toMatchObject({ status: 0, stdout: '3 /root\n0\n' });
    expect(ran.result?.command).toEqual({ shell: text });
  });

  it('runs a script of the host by its shebang, or with bash if it has none: -f', async () => {
    const sed = home.write('a script.sed', '#!/usr/bin/sed -nf\ns/.*rapido\\.run=1.*/by sed/p\n');
    const bare = home.write('bare', 'echo "bash ${BASH_VERSINFO[0]}"\n');
    const [bySed, byBash] = [
      await run(['simple-example', '-f', sed], { input: 'rapido.run=1\n' }),
      await run(['simple-example', '-f', bare]),
    ];
    expect(bySed).toMatchObject({ status: 0, stdout: 'by sed\n' });
    expect(byBash).toMatchObject({ status: 0, stdout: expect.stringMatching(/^bash \d+\n$/) });
  });

  it('adds a program of the host that the image lacks', async () => {
    const inPath = await run(['simple-example', '--', 'expr', '6', '*', '7']);
    expect(inPath).toMatchObject({ status: 0, stdout: '42\n' });
    // Below /tmp, where the guest has a tmpfs.
    const cwd = mkdtempSync('/tmp/rapido-program-');
    onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
    writeFileSync(join(cwd, 'prog'), '#!/bin/bash\necho "$0: $1"\n', { mode: 0o755 });
    const relative = await run(['simple-example', '--', './prog', 'argument'], { cwd });
    expect(relative).toMatchObject({ status: 0, stdout: `${cwd}/prog: argument\n` });
  });

  it("runs the cut's own test command after its autorun scripts", async () => {
    const cut = addCut(
      home,
      'tested',
      { binaries: ['cat'], test: { command: ['cat', '/tmp/prepared'] } },
      { 'prepare.sh': 'echo prepared > /tmp/prepared' },
    );
    const ran = await run([cut]);
    expect(ran).toMatchObject({
      status: 0,
      stdout: 'prepared\n',
      result: {
        command: { arguments: ['cat', '/tmp/prepared'] },
        autorun: [{ script: '00-prepare.sh', status: 0 }],
      },
    });
  });

  it('passes a cut that has only autorun scripts', async () => {
    const cut = addCut(home, 'scripts-only', {}, { 'one.sh': 'true', 'two.sh': 'true' });
    const ran = await run([cut]);
    expect(ran).toMatchObject({
      status: 0,
      result: { verdict: 'pass', reason: 'all 2 autorun scripts succeeded' },
    });
    expect(ran.result?.command).toBeUndefined();
  });

  it('works if the clocks of the guest are wrong', async () => {
    const text = 'date -s 2037-01-01; sleep 1; date -s 1990-01-01';
    const ran = await run(['simple-example', '--timeout', '120s', '-x', text]);
    expect(ran).toMatchObject({ status: 0, result: { verdict: 'pass' } });
  });

  describe('copies what the guest leaves in /rapido/results', () => {
    it('to guest/ of the run directory, as plain files of this user', async () => {
      const text = `
        cd /rapido/results; umask 000
        mkdir sub; seq 100000 > 'sub/a file'
        cp /bin/bash suid; chmod 4777 suid; ln -s /etc/passwd link
        [[ -u suid && $(stat -c %a suid) = 4777 && -L link ]] || exit 3`;
      const command = ['simple-example', '-i', 'stat', '-x', text];
      const ran = await run(command, { prefix: ['bash', '-c', 'umask 000; exec "$@"', 'bash'] });
      expect(ran.status).toBe(0);
      const numbers = Array.from({ length: 100_000 }, (_, index) => `${index + 1}\n`).join('');
      expect(ran.file('guest/sub/a file').toString()).toBe(numbers);
      expect(ran.file('guest/link').toString()).toBe('/etc/passwd');
      const guest = join(ran.results, ran.result?.id ?? '', 'guest');
      const modes = ['suid', 'link', 'sub', 'sub/a file'].map((name) =>
        lstatSync(join(guest, name)).mode.toString(8),
      );
      expect(modes).toEqual(['100600', '100600', '40700', '100600']);
      // Others can read nothing else, whatever the umask of the caller.
      const places = [ran.results, join(home.directory, '.cache')];
      const open = spawnSync('find', [...places, '-perm', '/077', '!', '-type', 'l']);
      expect(String(open.stdout)).toBe('');
    });

    it('even if the kernel crashes right after', async () => {
      const text = 'echo evidence > /rapido/results/file; echo c > /proc/sysrq-trigger';
      const ran = await run(['simple-example', '-x', text]);
      expect(ran.status).toBe(120);
      expect(ran.file('guest/file').toString()).toBe('evidence\n');
    });
  });

  describe('on a kernel without a virtio console', () => {
    const environment = (): Record<string, string> => {
      const tree = join(home.directory, 'serial-kernel');
      rmSync(tree, { recursive: true, force: true });
      makeKernelTree(tree, { drivers: ['zram'] });
      return { KERNEL_SRC: tree };
    };

    it('uses serial ports: stdout, stderr and status arrive', async () => {
      const text = 'seq 20000; echo err >&2; exit 42';
      const ran = await run(['simple-example', '-q', '-x', text], { env: environment() });
      const numbers = Array.from({ length: 20_000 }, (_, index) => `${index + 1}\n`).join('');
      expect(ran).toMatchObject({ status: 42, stdout: numbers, stderr: 'err\n' });
    });

    it('is an error if there was input, and says what of /rapido/results is lost', async () => {
      const ran = await run(['simple-example', '-x', 'wc -c; echo lost > /rapido/results/file'], {
        env: environment(),
        input: 'unheard',
      });
      expect(ran).toMatchObject({ status: 125, stdout: '0\n' });
      const notes = ran.result?.notes.join('\n');
      expect(notes).toMatch(
        /standard input was not passed to the command: the kernel has no virtio console/,
      );
      expect(notes).toMatch(/the files in \/rapido\/results are lost/);
    });
  });

  it('continues if its reader has gone: the status stays that of the command', async () => {
    const pipe = '"$@" | head -1; exit "${PIPESTATUS[0]}"';
    const ran = await run(['simple-example', '-x', 'seq 300000; exit 9'], { prefix: inBash(pipe) });
    expect(ran).toMatchObject({ status: 9, stdout: '1\n' });
    expect(ran.file('stdout.log').toString()).toMatch(/\n300000\n$/);
  });

  it('accepts a stdout that is a file', async () => {
    const path = join(home.directory, 'said');
    const ran = await run(['simple-example', '--', 'wc', '-c'], {
      prefix: inBash(`exec "$@" <&- > '${path}'`),
    });
    expect(ran.status).toBe(0);
    expect(readFileSync(path, 'utf8')).toBe('0\n');
  });
});
