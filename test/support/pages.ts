import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { quoteForShell } from '../../src/image/overlay.ts';
import type { RunResult, RunSplat } from '../../src/results/run-result.ts';
import { aResult, aSplat, tests } from '../results/a-result.ts';
import { openTerminalFor } from './terminal.ts';
import {
  type CodeBlock,
  neutralize,
  patternOf,
  readPage,
  readSteps,
  type Step,
} from './transcripts.ts';
import { CHECKOUT, RAPIDO, run } from './workspace.ts';

/** A page whose `console` blocks run in a home directory that is prepared for it. */
export interface Page {
  blocks: CodeBlock[];
  /**
   * Runs the steps of a block, after everything that the text above it asks the reader to do.
   * @returns the output of each step; the home directory is shown as /home/me
   */
  run: (block: CodeBlock) => Promise<string[]>;
  remove: () => void;
}

/** Runs a block. Fails if a command prints something else than the page shows. */
export async function expectToPrint(page: Page, block: CodeBlock): Promise<void> {
  const outputs = await page.run(block);
  for (const [index, { command, output }] of readSteps(block.text).entries()) {
    expect(neutralize(outputs[index] ?? ''), command).toMatch(patternOf(output));
  }
}

/** Blocks that show what is missing on a host, with a program that this host may have. */
export function isAboutOtherHosts(name: string, { text }: CodeBlock): boolean {
  const missing = /^ {2}- this host has no program (\S+)$/m.exec(text)?.[1];
  return name === 'docs/writing-cuts.md' && missing !== undefined && findProgram(missing);
}

function findProgram(name: string): boolean {
  return ['/usr/sbin', '/usr/bin', '/sbin', '/bin'].some((path) => existsSync(join(path, name)));
}

interface Home {
  directory: string;
  /** Makes a file; `~` is the home directory. */
  write: (path: string, content: string, mode?: number) => void;
  /** Replaces texts in a file; each must be in it. */
  change: (path: string, changes: Readonly<Record<string, string>>) => void;
  /** Runs a script for bash. @returns its output, with standard error */
  run: (script: string) => Promise<string>;
}

type Preparation = (home: Home, blocks: readonly CodeBlock[]) => unknown;

/** What a page leaves to its reader, by the heading and the number of the block below it that needs it. */
const PREPARATIONS: Readonly<Record<string, Readonly<Record<string, Preparation>>>> = {
  'docs/ci-and-bisect.md': {
    'A bisection 4': prepareRunsOfBisection,
    'When a bisection goes wrong 1': prepareBisection,
    'Time limits 2': (home) => home.write('~/.config/rapido/rapido.conf', ''),
    'Comparing with a base run 1': (home) => prepareRunsOfFrob(home, '~/ci'),
  },
  'docs/networking.md': {
    'Without root 2': (home) => {
      home.write('~/.config/rapido/rapido.conf', 'SSH_IDENTITY = ~/.ssh/id_ed25519\n');
      return home.run('mkdir -p .ssh && ssh-keygen -q -t ed25519 -N "" -f .ssh/id_ed25519');
    },
    'VMs in the background 1': (home) => home.run('rapido stop --all'),
  },
  'docs/results.md': { 'Listing and showing runs 1': prepareRunsOfXfstests },
  'docs/writing-cuts.md': {
    'Changing the script 1': (home) => home.change(SCRIPT, { '256M': '512M' }),
    'Errors 1': (home) =>
      home.change(CUT, { "'df'": "'df', 'strace'", "'zram', 'ext4'": "'zram', 'ext44'" }),
    'Errors 2': (home) =>
      home.change(CUT, { "'df', 'strace'": "'df'", "'ext44'": "'ext4'", binaries: 'binarys' }),
    'Errors 3': (home) => {
      home.change(CUT, { binarys: 'binaries' });
      home.change(SCRIPT, { 'cmp /tmp/expected': 'wc -c /tmp/expected' });
    },
    'Quick experiments without a cut 1': (home) => {
      home.change(SCRIPT, { 'wc -c /tmp/expected': 'cmp /tmp/expected' });
      home.write('~/my-test', '#!/bin/bash\necho my-test: ok\n', 0o755);
      home.write('~/data/one', '1\n');
    },
    'Conf keys of your own 3': prepareConfKeys,
    'Conf keys of your own 7': (home) =>
      home.write(
        '~/.config/rapido/cuts/smb-mount.ts',
        "export default { summary: 'needs keys', conf: { needs: ['CIFS_PW', 'CIFS_SERVER'] } };\n",
      ),
    'A tree of tests 2': prepareTestTree,
    'A tree of tests 5': (home) =>
      home.change('~/.config/rapido/cuts/my-tests.ts', {
        "'ls']": "'ls', 'perl']",
        "'doc/html'] }]": "'doc/html'] }, { source: '/usr/lib/x86_64-linux-gnu/perl-base' }]",
      }),
    'A tree of tests 6': async (home) => {
      await home.run('rapido cut my-tests');
      home.change('~/tests/notes', { first: 'second' });
    },
    'Where rapido looks for cuts 1': (home) =>
      home.run('mkdir -p linux/cuts && cp ~/.config/rapido/cuts/zram-ext4.* linux/cuts/'),
    'Editor support 1': (home) => {
      home.write('~/.config/rapido/rapido.conf', '');
      return home.run('rm -r ~/.config/rapido/cuts');
    },
    'Editor support 2': prepareWrongCut,
  },
};

const CUT = '~/.config/rapido/cuts/zram-ext4.ts';
const SCRIPT = '~/.config/rapido/cuts/zram-ext4.sh';

/** The name of a block in `PREPARATIONS`. */
function nameOf(block: CodeBlock, blocks: readonly CodeBlock[]): string {
  const below = blocks.filter(({ heading }) => heading === block.heading);
  return `${block.heading} ${below.indexOf(block) + 1}`;
}

export function openPage(name: string, prefix: readonly string[] = []): Page {
  const blocks = readPage(name);
  const home = createHome(prefix);
  const names = blocks.map((block) => nameOf(block, blocks));
  const unknown = Object.keys(PREPARATIONS[name] ?? {}).filter((key) => !names.includes(key));
  if (unknown.length > 0) throw new Error(`${name} has no blocks ${unknown.join(', ')}`);
  let prepared = 0;
  const prepareFor = async (block: CodeBlock): Promise<void> => {
    for (; prepared <= blocks.indexOf(block); prepared += 1) {
      const next = blocks[prepared];
      if (next === undefined) return;
      await PREPARATIONS[name]?.[nameOf(next, blocks)]?.(home, blocks);
      for (const [path, content, mode] of filesIn(next)) home.write(path, content, mode);
    }
  };
  return {
    blocks,
    run: async (block) => {
      await prepareFor(block);
      return home.runSteps(readSteps(block.text));
    },
    remove: home.remove,
  };
}

/** The files that a block shows: those that the text names, and those that it prints with `cat`. */
function filesIn(block: CodeBlock): [path: string, content: string, mode: number][] {
  if (block.file !== undefined) {
    return [[block.file, `${block.text}\n`, block.isExecutable ? 0o755 : 0o644]];
  }
  if (!block.info.startsWith('console')) return [];
  return readSteps(block.text).flatMap(({ command, output }) => {
    const file = /^cat (\S+)$/.exec(command)?.[1];
    return file === undefined ? [] : [[file.includes('/') ? file : `~/${file}`, output, 0o644]];
  });
}

function createHome(prefix: readonly string[]) {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'rapido-page-')));
  const inHome = (path: string): string => path.replace(/^~/, directory);
  const write: Home['write'] = (path, content, mode = 0o644) => {
    mkdirSync(dirname(inHome(path)), { recursive: true });
    writeFileSync(inHome(path), content);
    chmodSync(inHome(path), mode);
  };
  const node = quoteForShell(process.execPath);
  write('~/bin/rapido', `#!/bin/sh\nexec ${node} ${quoteForShell(RAPIDO)} "$@"\n`, 0o755);
  write('~/bin/npx', `#!/bin/sh\nexec ${node} node_modules/.bin/"$@"\n`, 0o755);
  write('~/bin/sudo', '#!/bin/sh\nexec "$@"\n', 0o755);
  mkdirSync(join(directory, 'run'), { mode: 0o700 });
  symlinkSync(CHECKOUT, join(directory, 'rapido'));
  const env = {
    PATH: `${directory}/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    HOME: directory,
    LC_ALL: 'C.UTF-8',
    TAP_USER: userInfo().username,
    TERM: 'vt220',
    TZ: 'Europe/Berlin',
    XDG_RUNTIME_DIR: join(directory, 'run'),
  };
  const neutral = (text: string): string =>
    text
      .replaceAll('\r', '')
      .replaceAll(directory, '/home/me')
      .replaceAll(CHECKOUT, '/home/me/rapido')
      .replaceAll(`for ${userInfo().username}`, 'for me');
  const runScript: Home['run'] = async (script) => {
    const bash = ['bash', '-c', `exec 2>&1\n${script}`];
    // Ends before the time limit of a VM test, which would leave it running.
    const ran = await run(['timeout', '170', ...bash], { cwd: directory, env, prefix });
    return neutral(ran.stdout);
  };

  /** Runs it on a terminal, as something is typed in the guest. */
  const runOnTerminal = async (script: string, typed: readonly string[]): Promise<string> => {
    const command = [...prefix, 'bash', '-c', script].map(quoteForShell).join(' ');
    const terminal = openTerminalFor(command, directory, env);
    for (const line of typed) {
      await terminal.waitFor(/^rapido\d+:\S*# $/m);
      terminal.type(`${line}\r`);
    }
    await terminal.ended;
    return neutral(terminal.shown());
  };

  return {
    directory,
    write,
    change: (path: string, changes: Readonly<Record<string, string>>) => {
      let text = readFileSync(inHome(path), 'utf8');
      for (const [from, to] of Object.entries(changes)) {
        if (!text.includes(from)) throw new Error(`${path} does not contain ${from}`);
        text = text.replaceAll(from, () => to);
      }
      writeFileSync(inHome(path), text);
    },
    run: runScript,
    runSteps: async (steps: readonly Step[]): Promise<string[]> => {
      const script = [
        MARK_FUNCTION,
        ...steps.flatMap(({ command }) => ['mark', command]),
        'mark',
      ].join('\n');
      const typed = steps.flatMap((step) => step.typed);
      const output = await (typed.length > 0 ? runOnTerminal(script, typed) : runScript(script));
      return output.split(MARK).slice(1, -1);
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** A control character between the outputs of the steps. Printing it keeps the exit status for `echo $?`. */
const MARK = '\x1e';
const MARK_FUNCTION = `mark() { local status=$?; printf '\\036'; return $status; }`;

/** A repository in which a bisection has begun. */
function prepareBisection(home: Home): void {
  const git = (...args: string[]): unknown =>
    execFileSync('git', ['-C', join(home.directory, 'linux'), ...args], {
      env: { ...process.env, HOME: home.directory },
      stdio: 'pipe',
    });
  mkdirSync(join(home.directory, 'linux'));
  git('init', '--initial-branch=master');
  git('config', 'user.name', 'Me');
  git('config', 'user.email', 'me@example.org');
  for (let number = 1; number <= 12; number += 1) {
    git('commit', '--allow-empty', `--message=commit ${number}`);
    if (number === 1) git('tag', 'v1.0');
  }
  git('bisect', 'start', 'master', 'v1.0');
}

/** Writes the record of a run. */
function writeRun(home: Home, runs: string, result: RunResult): void {
  home.write(`${runs}/${result.id}/result.json`, JSON.stringify(result));
}

/** The runs of the steps of that bisection. */
function prepareRunsOfBisection(home: Home): void {
  const add = (id: string, minute: string, total: number, changes: Partial<RunResult>): void =>
    writeRun(home, '~/.local/state/rapido/runs', {
      ...aResult({ id, cut: 'simple-example', started: `2026-11-23T${minute}:00.000Z` }),
      command: { script: '../count-words.sh' },
      times: { ...aResult().times, total },
      ...changes,
    });
  const kernelOf = (git: string) => ({ release: '6.1.0-56-amd64', image: '/linux/bzImage', git });
  const fail = { verdict: 'fail', status: 1, reason: 'the command exited with status 1' } as const;
  add('20261123-030204-simple-example-b2d1', '03:02', 2870, {
    verdict: 'error',
    status: 125,
    reason: 'building the kernel: make failed',
    kernel: undefined,
    vm: undefined,
  });
  add('20261123-030241-simple-example-d7f3', '03:02', 33_100, {
    kernel: kernelOf('v1.0-6-g81aad93'),
  });
  add('20261123-030317-simple-example-635f', '03:03', 42_700, {
    ...fail,
    kernel: kernelOf('v1.0-8-g5e32a72'),
  });
  add('20261123-030402-simple-example-112e', '03:04', 21_000, {
    ...fail,
    kernel: kernelOf('v1.0-7-gc312d6f'),
  });
}

/** The runs of three versions of the driver in the examples. */
function prepareRunsOfFrob(home: Home, runs: string): void {
  const kernel = { release: '6.1.0-56-amd64', image: '/linux/bzImage', git: 'v1.1-dirty' };
  const splat = aSplat({ kind: 'warning', title: 'WARNING in reset', count: 19 });
  const note = aSplat({
    kind: 'taint',
    severity: 'note',
    title: 'frob: loading out-of-tree module',
  });
  const add = (id: string, total: number, changes: Partial<RunResult>): void =>
    writeRun(home, runs, {
      ...aResult({ id, cut: 'simple-example', kernel, started: '2026-11-23T03:19:06.000Z' }),
      times: { ...aResult().times, total },
      ...changes,
    });
  add('20261123-031906-simple-example-190b', 52_600, {
    verdict: 'splat',
    status: 121,
    reason: 'the kernel reported a problem: WARNING in reset',
    splats: [note, splat],
  });
  add('20261123-031906-simple-example-21ee', 50_400, {
    verdict: 'fail',
    status: 1,
    reason: 'the command exited with status 1',
    splats: [note],
  });
  add('20261123-031906-simple-example-e5af', 52_200, {
    splats: [note, { ...splat, excused: 'known since v1.1, ticket 17' }],
  });
}

/** The runs of docs/results.md. */
function prepareRunsOfXfstests(home: Home): void {
  const runs = '~/.local/state/rapido/runs';
  const command = { arguments: ['./check', '-g', 'quick'] };
  const autorun = [{ script: 'fstests-xfs.sh', status: 0 }];
  const image = join(home.directory, 'linux/arch/x86/boot/bzImage');
  const kernel = { release: '6.18.0-rc6', image, git: 'v6.18-rc6' };
  const times = { ...aResult().times, autorun: 2100, powerOff: 120 };
  writeRun(
    home,
    runs,
    aResult({
      id: '20261123-080247-simple-example-461f',
      cut: 'simple-example',
      command: { arguments: ['uname', '-a'] },
      started: '2026-11-23T08:02:47.000Z',
      kernel,
      times: { ...times, total: 2100 },
    }),
  );
  const listed = { 'xfs/001': 'pass', 'xfs/002': 'pass', 'xfs/004 not run': 'skip' } as const;
  writeRun(
    home,
    runs,
    aResult({
      id: '20261123-084012-fstests-xfs-afde',
      reason: '3 tests passed, 1 skipped or expected to fail',
      started: '2026-11-23T08:40:12.000Z',
      tests: tests({ ...listed, 'xfs/003': 'pass' }),
      command,
      autorun,
      kernel,
      times: { ...times, total: 744_000 },
    }),
  );
  const id = '20261123-091512-fstests-xfs-42dd';
  const before = '[  200.000000] a line\n'.repeat(811);
  home.write(`${runs}/${id}/console.log`, `${before}${KASAN_REPORT}`);
  for (const name of ['junit.xml', 'stdout.log']) home.write(`${runs}/${id}/${name}`, '');
  const failed = tests({ 'xfs/003 output mismatch': 'fail' }).map((test) => ({
    ...test,
    duration: 3200,
  }));
  const splat: RunSplat = aSplat({ count: 3, text: KASAN_REPORT, during: 'xfs/003' });
  writeRun(
    home,
    runs,
    aResult({
      id,
      verdict: 'fail',
      status: 1,
      commandStatus: 1,
      reason: 'the command exited with status 1',
      started: '2026-11-23T09:15:12.000Z',
      tests: [...tests(listed), ...failed],
      splats: [splat],
      command,
      autorun,
      kernel: { ...kernel, git: 'v6.18-rc6-1-g5c2f0a1b77de' },
      times: { ...times, boot: 910, command: 748_000, total: 751_000 },
    }),
  );
  const latest = join(home.directory, '.local/state/rapido/runs/latest');
  symlinkSync(id, latest);
}

const KASAN_REPORT = `[  233.451102] BUG: KASAN: slab-use-after-free in foo_release+0x6c/0x90
[  233.451530] Read of size 8 at addr ffff888103f0e408 by task rm/4711
[  233.452311] Call Trace:
[  233.453022]  foo_release+0x6c/0x90
[  233.453207]  __fput+0x10b/0x3c0
`;

/** The cut with keys, and the script that uses them. */
function prepareConfKeys(home: Home, blocks: readonly CodeBlock[]): void {
  const [cut, lines] = blocks.filter(({ heading }) => heading === 'Conf keys of your own');
  home.write(CUT, `${cut?.text}\n`);
  const [size = '', mkfs = '', mount = ''] = lines?.text.split('\n') ?? [];
  home.change(SCRIPT, {
    'echo 512M > /sys/block/zram0/disksize': size,
    'mkfs.ext4 -q /dev/zram0': mkfs,
    'mount /dev/zram0 /mnt': mount,
  });
}

/** A tree with a test in perl and a program that needs a library. */
function prepareTestTree(home: Home, blocks: readonly CodeBlock[]): void {
  const [cut] = blocks.filter(({ heading }) => heading === 'A tree of tests');
  home.write('~/.config/rapido/cuts/my-tests.ts', `${cut?.text}\n`);
  home.write('~/.config/rapido/cuts/my-tests.sh', '#!/bin/bash\n./run\n');
  home.write('~/.config/rapido/rapido.conf', 'MY_TESTS = ~/tests\n');
  home.write('~/tests/run', RUN_TESTS, 0o755);
  home.write('~/tests/notes', 'first\n');
  home.write('~/tests/t-perl', '#!/usr/bin/perl\nuse strict;\nprint "perl $^V\\n";\n', 0o755);
  copyFileSync('/usr/bin/id', join(home.directory, 'tests/t-id'));
}

const RUN_TESTS = `#!/bin/bash
for test in ./t-*; do
	# Both words begin a line of TAP.
	"$test" && echo "ok $test" || echo "not ok $test"
done
`;

/** The first cut of the page, with a field that does not exist. */
function prepareWrongCut(home: Home, blocks: readonly CodeBlock[]): void {
  const first = blocks.find(({ file }) => file === CUT);
  home.write(CUT, `${first?.text}\n`);
  home.change(CUT, { binaries: 'binarys' });
}
