import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Verdict } from '../../src/results/run-result.ts';
import { addCut } from '../support/cuts.ts';
import { type FakeMachine, installFakeQemu, passes } from '../support/fake-qemu.ts';
import { CHANNEL_MODULES, makeKernelTree } from '../support/kernel-tree.ts';
import { byName, createRunner } from '../support/runs.ts';
import { createWorkspace } from '../support/workspace.ts';

/* What goes wrong on the host, with a QEMU that boots nothing: no commit may be called bad for it. */
const home = createWorkspace(afterAll);
const run = createRunner(home);
// Unpacking a kernel that nobody boots takes seconds.
const conf = 'KERNEL_FORMAT="bzImage"\n';
const tree = join(home.directory, 'linux');

beforeAll(() => {
  home.write('.config/rapido/rapido.conf', conf);
  addCut(home, 'small', {});
  makeKernelTree(tree, { drivers: CHANNEL_MODULES });
});
afterEach(() => void vi.unstubAllEnvs());

const path = (): Record<string, string> => ({ PATH: process.env.PATH ?? '' });

interface HostFault {
  name: string;
  /** Of `rapido run small`; without them, `-- true`. */
  args?: readonly string[];
  /** Runs in a shell before `"$@"`, which is rapido. */
  shell?: string;
  env?: () => Record<string, string>;
  guest?: (vm: FakeMachine) => Promise<void>;
  /** undefined: there is no run. */
  verdict: Verdict | undefined;
  /** 128: the same with every commit; 125: another commit may not have it. */
  bisecting: 125 | 128;
  /** On stderr. */
  says: string | RegExp;
}

async function meet(
  fault: Pick<HostFault, 'args' | 'shell' | 'env' | 'guest'>,
  options: readonly string[],
) {
  installFakeQemu(fault.guest ?? passes);
  const shell = fault.shell === undefined ? [] : ['bash', '-c', fault.shell, 'bash'];
  return run(['small', ...options, ...(fault.args ?? ['--', 'true'])], {
    env: { ...path(), ...fault.env?.() },
    prefix: shell,
  });
}

function checkFaults(faults: readonly HostFault[]): void {
  it.each(byName(faults))('%s', async (_, fault) => {
    const { verdict, bisecting, says } = fault;
    const { status, signal, result, stderr } = await meet(fault, ['--bisect']);
    expect({ status, signal, verdict: result?.verdict, stderr }).toEqual({
      status: bisecting,
      signal: null,
      verdict,
      stderr: expect.stringMatching(says),
    });
    expect(stderr).not.toMatch(/bug in rapido|^ {4}at /m);
  });
}

it('without --bisect, the status is 125', async () => {
  const { status, result } = await meet(
    { args: ['--json', '--', 'true'], shell: '"$@" > /dev/full' },
    [],
  );
  expect({ status, result }).toMatchObject({
    status: 125,
    result: { verdict: 'error', status: 125 },
  });
});

it('without a fault, it passes: 0', async () => {
  installFakeQemu(passes);
  expect(await run(['small', '--', 'true'], { env: path() })).toMatchObject({
    status: 0,
    stdout: 'said\n',
    result: { verdict: 'pass' },
  });
});

describe('the system rejects a request', () => {
  checkFaults([
    {
      name: 'a stdout that is full when the result is printed',
      args: ['--json', '--', 'true'],
      shell: '"$@" > /dev/full',
      verdict: 'error',
      bisecting: 128,
      says: /^rapido: error: stdout: no space left on the device \(write\)$/m,
    },
    {
      name: 'a stdout that is full when the command prints',
      shell: '"$@" > /dev/full',
      verdict: 'error',
      bisecting: 128,
      says: /^rapido: error: stdout: no space left on the device \(write\)$/m,
    },
    {
      name: 'a stderr that is full',
      shell: '"$@" 2> /dev/full',
      verdict: 'error',
      bisecting: 128,
      says: '',
    },
    {
      name: 'a log that cannot grow',
      shell: 'ulimit -f 1; "$@"',
      verdict: undefined,
      bisecting: 128,
      says: /^rapido: error: .*result\.json: the file would be too large \(write\)$/m,
    },
    ...[20, 40].map(
      (limit): HostFault => ({
        name: `no more than ${limit} open files`,
        shell: `ulimit -n ${limit}; "$@"`,
        verdict: undefined,
        bisecting: 128,
        says: /^rapido: error: \/.*: (EMFILE: )?too many open files/,
      }),
    ),
    {
      name: 'a results directory that is not writable',
      args: ['--results', '/dev/null/runs', '--', 'true'],
      verdict: undefined,
      bisecting: 128,
      says: /^rapido: error: \/dev\/null\/runs: a part of the path is not a directory \(mkdir\)$/m,
    },
    {
      name: 'a registry of VMs that is not writable',
      env: () => ({ QEMU_PID_DIR: '/dev/null/vms' }),
      verdict: undefined,
      bisecting: 128,
      says: /^rapido: error: \/dev\/null\/vms: a part of the path is not a directory \(mkdir\)$/m,
    },
    {
      name: 'a host without space for a disk of the VM',
      guest: async (vm) => {
        await vm.init();
        await vm.sendEvent('command-start');
        const data = { operation: 'write', action: 'report', reason: 'No space left on device' };
        await vm.emit('BLOCK_IO_ERROR', data);
        await vm.sendEvent('command-end', { status: '1' });
        await vm.endOutput('stdout');
        await vm.endOutput('stderr');
        await vm.received();
        await vm.sendEvent('power-off', { taint: '0', left: '0' });
        await vm.shutDown('guest-shutdown');
      },
      verdict: 'error',
      bisecting: 128,
      says: 'the host has no space left for the disks of the VM',
    },
  ]);

  it('a reader that has gone is no fault: 0', async () => {
    installFakeQemu(passes);
    const ran = await run(['small', '--', 'true'], {
      env: path(),
      prefix: ['bash', '-c', '"$@" | true; exit ${PIPESTATUS[0]}', 'bash'],
    });
    expect(ran).toMatchObject({ status: 0, result: { verdict: 'pass' } });
  });
});

describe('the host lacks something', () => {
  checkFaults([
    {
      name: 'programs of its own in PATH',
      env: () => ({ PATH: home.directory }),
      verdict: undefined,
      bisecting: 128,
      says: /^rapido: error: flock cannot be executed$/m,
    },
    {
      name: 'a program that the cut names',
      args: ['-i', 'no-such-program', '--', 'true'],
      verdict: undefined,
      bisecting: 128,
      says: '--install: this host has no program no-such-program',
    },
    {
      name: 'a program for --build',
      args: ['--build', 'no-such-make -j8', '--', 'true'],
      env: () => ({ KERNEL_SRC: tree }),
      verdict: 'error',
      bisecting: 128,
      says: 'no-such-make failed: it cannot be executed',
    },
    {
      name: 'a driver of the installed kernel, which is the same for every commit',
      args: ['--driver', 'no_such_driver', '--', 'true'],
      verdict: undefined,
      bisecting: 128,
      says: 'has no driver no_such_driver',
    },
    {
      name: 'a file outside of the checkout',
      args: ['--include', '/no/such/file:/file', '--', 'true'],
      verdict: undefined,
      bisecting: 128,
      says: '--include: /no/such/file does not exist',
    },
    {
      name: 'the tree of a test suite',
      args: ['--', 'true'],
      env: () => {
        addCut(home, 'small', { trees: [{ source: '/no/such/tree' }] });
        return {};
      },
      verdict: undefined,
      bisecting: 128,
      says: 'trees: /no/such/tree is not a directory',
    },
  ]);
  afterAll(() => void addCut(home, 'small', {}));
});

describe('KERNEL_SRC', () => {
  checkFaults([
    {
      name: 'is not a kernel tree',
      env: () => ({ KERNEL_SRC: home.images }),
      verdict: undefined,
      bisecting: 128,
      says: 'is not built: it has no .config',
    },
    {
      name: 'is not configured',
      env: () => ({ KERNEL_SRC: dirname(home.write('unconfigured/Kconfig', '')) }),
      verdict: undefined,
      bisecting: 128,
      says: 'is not built: it has no .config',
    },
  ]);
});

describe('QEMU does not start', () => {
  checkFaults([
    {
      name: 'for its arguments',
      guest: async (vm) => vm.exit(1, 'qemu: -nosuch: invalid option\n'),
      verdict: 'error',
      bisecting: 128,
      says: 'QEMU did not start the VM: qemu: -nosuch: invalid option',
    },
    {
      name: 'for the kernel, which another commit may have built',
      guest: async (vm) => vm.exit(1, 'qemu: invalid kernel header\n'),
      env: () => ({ KERNEL_SRC: tree }),
      verdict: 'error',
      bisecting: 125,
      says: 'QEMU did not start the VM: qemu: invalid kernel header',
    },
  ]);
});

describe('another commit may have it', () => {
  checkFaults([
    {
      name: 'a build that fails',
      args: ['--build', 'false', '--', 'true'],
      env: () => ({ KERNEL_SRC: tree }),
      verdict: 'error',
      bisecting: 125,
      says: 'building the kernel: false failed: it exited with status 1',
    },
    {
      name: 'a kernel that is not built',
      env: () => ({
        KERNEL_SRC: dirname(home.write('unbuilt/.config', 'CONFIG_X86_64=y\nCONFIG_ARM64=y\n')),
      }),
      verdict: 'error',
      bisecting: 125,
      says: /is not built: it has no include\/config\/kernel\.release, no arch/,
    },
    {
      name: 'modules that are not installed',
      env: () => ({ KERNEL_SRC: tree, KERNEL_INSTALL_MOD_PATH: join(home.directory, 'nowhere') }),
      verdict: 'error',
      bisecting: 125,
      says: /the modules of the kernel in .* are not installed/,
    },
    {
      name: 'a driver of the kernel under test',
      args: ['--driver', 'no_such_driver', '--', 'true'],
      env: () => ({ KERNEL_SRC: tree }),
      verdict: 'error',
      bisecting: 125,
      says: 'has no driver no_such_driver',
    },
    {
      name: 'a file of the checkout',
      args: ['--include', './reproducer:/', '--', 'true'],
      verdict: 'error',
      bisecting: 125,
      says: /--include: .*\/reproducer does not exist/,
    },
    {
      name: 'a program of the checkout',
      args: ['-i', './tools/reproducer', '--', 'true'],
      verdict: 'error',
      bisecting: 125,
      says: /--install: this host has no program .*\/tools\/reproducer/,
    },
    {
      name: 'a command of the checkout',
      args: ['--', './reproducer'],
      verdict: 'error',
      bisecting: 125,
      says: /neither this host nor the image has a program \.\/reproducer/,
    },
  ]);
});

describe('rapido itself fails', () => {
  const hangs = async (vm: FakeMachine): Promise<void> => {
    await vm.init();
    await vm.sendEvent('command-start');
    await vm.write('stdout', 'READY\n');
  };
  /** Makes a running rapido fail as if by a bug, through the debugger interface of Node. */
  const failure = (body: string): Record<string, string> => {
    const file = home.write(
      'failure.cjs',
      `if (process.argv[1]?.endsWith('rapido.js')) process.once('SIGUSR2', () => { ${body} });`,
    );
    return { ...path(), NODE_OPTIONS: `--require "${file}"` };
  };
  const BUGS = {
    'by an error in a listener': "throw new TypeError('x is undefined');",
    'by an unhandled rejection': "Promise.reject(new TypeError('x is undefined'));",
  };

  it.each(Object.entries(BUGS))(
    '%s: no commit is bad, and the result says error',
    async (_, body) => {
      for (const [options, status] of [
        [[], 125],
        [['--bisect'], 128],
      ] as const) {
        installFakeQemu(hangs);
        const ran = await run(['small', ...options, '--', 'true'], {
          env: failure(body),
          whenReady: ({ rapido }) => void process.kill(rapido, 'SIGUSR2'),
        });
        expect(ran).toMatchObject({ status, result: { verdict: 'error', status: 125 } });
        expect(ran.result?.reason).toBe('rapido itself failed: x is undefined');
        expect(ran.stderr).toMatch(
          /this is a bug in rapido[\s\S]*TypeError: x is undefined\n {4}at /,
        );
      }
    },
  );

  it('an unexpected error of the system: one line, no stack', async () => {
    installFakeQemu(hangs);
    const ran = await run(['small', '--bisect', '--', 'true'], {
      env: failure(`throw Object.assign(new Error('EMFILE'), {
        code: 'EMFILE', errno: -24, syscall: 'open', path: '/some/file' });`),
      whenReady: ({ rapido }) => void process.kill(rapido, 'SIGUSR2'),
    });
    const line = '/some/file: too many open files (see `ulimit -n`) (open)';
    expect(ran.stderr).toContain(`rapido: error: ${line}\n`);
    expect(ran).toMatchObject({
      status: 128,
      stderr: expect.stringMatching(/^kernel: [^\n]+\nrapido: error: [^\n]+\n$/),
      result: { verdict: 'error', reason: `rapido itself failed: ${line}` },
    });
  });
});
