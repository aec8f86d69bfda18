import { describe, expect, test } from 'vitest';
import type { RunSplat } from '../../src/results/run-result.ts';
import { type EndedServer, judgeServer, judgeWithServers } from '../../src/results/servers.ts';
import type { VmRecord } from '../../src/vm/ending.ts';

const SERVED: VmRecord = {
  exit: { status: 0 },
  qemuSaid: '',
  shutdown: 'guest-shutdown',
  events: [
    { event: 'init', uptime: 1 },
    { event: 'prompt' },
    { event: 'power-off', taint: 0, left: 0 },
  ],
  consoleTail: '',
  interruptedBy: undefined,
};

function server(changes: Partial<EndedServer> = {}, record: Partial<VmRecord> = {}): EndedServer {
  return {
    cut: 'nfsd-xfs',
    number: 1,
    record: { ...SERVED, ...record },
    splats: [],
    gaveUp: undefined,
    wasStopped: true,
    ...changes,
  };
}

const splat = (changes: Partial<RunSplat> = {}): RunSplat => ({
  kind: 'warning',
  severity: 'error',
  title: 'WARNING in nfsd4_open',
  count: 1,
  text: '',
  during: undefined,
  ...changes,
});

const PASS = {
  verdict: 'pass',
  status: 0,
  reason: 'the command succeeded',
  blames: 'guest',
} as const;
const FAIL = { verdict: 'fail', status: 3, reason: 'status 3', blames: 'guest' } as const;
/** The end of a client that was ended because of its server. */
const ENDED = { verdict: 'crash', status: 120, reason: 'QEMU quit', blames: 'host' } as const;
const CRASH = { ...ENDED, reason: 'the kernel crashed', blames: 'guest' } as const;

const panicked = server(
  { wasStopped: false },
  { shutdown: 'guest-reset', consoleTail: 'Kernel panic - not syncing: Oops\n' },
);

describe('a problem of a server', () => {
  test.each<[string, EndedServer, string | undefined]>([
    ['nothing', server(), undefined],
    [
      'a QEMU that fails at the end',
      server({}, { exit: { status: 1 }, qemuSaid: 'flush failed\n' }),
      'error: nfsd-xfs (VM 1): QEMU failed with status 1 after the VM had powered off: flush failed',
    ],
    [
      'a taint that it cannot read',
      server({}, { events: [{ event: 'power-off', taint: undefined, left: 0 }] }),
      'error: nfsd-xfs (VM 1): cannot tell whether its kernel reported a problem: the guest could not read /proc/sys/kernel/tainted',
    ],
    [
      'a power-off without a word',
      server({}, { events: [{ event: 'init', uptime: 1 }, { event: 'prompt' }] }),
      'error: nfsd-xfs (VM 1): cannot tell whether its kernel reported a problem: the session in the guest did not reach its end',
    ],
    [
      'no power-off on request',
      server({}, { shutdown: 'host-qmp-quit' }),
      'timeout: nfsd-xfs (VM 1): did not power off in time after the end of the test',
    ],
    [
      'a reset on a request to power off',
      server({}, { shutdown: 'guest-reset' }),
      'crash: nfsd-xfs (VM 1): reset: a triple fault, or a reboot that bypassed rapido',
    ],
    [
      'a QEMU that is killed on a request to power off',
      server({}, { exit: { signal: 'SIGKILL' } }),
      'crash: nfsd-xfs (VM 1): VM lost: QEMU was killed by SIGKILL',
    ],
    [
      'too little memory for its image, of which its kernel panics',
      server(
        { wasStopped: false, splats: [splat({ severity: 'fatal', title: 'kernel panic: VFS' })] },
        {
          events: [],
          shutdown: 'guest-reset',
          consoleTail: 'Initramfs unpacking failed: write error\nKernel panic - not syncing: VFS\n',
          memory: { bytes: 512 * 1024 ** 2, toUnpack: 1024 ** 3 },
        },
      ),
      'error: nfsd-xfs (VM 1): the VM has too little memory for its image ("Initramfs unpacking failed: write error"): 512 MiB, but unpacking takes about 1.0 GiB; increase it with --memory',
    ],
    ['a panic', panicked, 'crash: nfsd-xfs (VM 1): the kernel panicked: Oops'],
    [
      'an oops that its log shows',
      server({ splats: [splat({ severity: 'fatal', title: 'BUG: bad' })] }),
      'crash: nfsd-xfs (VM 1): the kernel crashed: BUG: bad',
    ],
    [
      'a script that fails',
      server(
        { wasStopped: false },
        { events: [{ event: 'autorun-end', script: '00-nfsd.sh', status: 2 }] },
      ),
      'fail: nfsd-xfs (VM 1): autorun script nfsd.sh failed: exit status 2',
    ],
    [
      'an end of its own',
      server({ wasStopped: false }),
      'crash: nfsd-xfs (VM 1): powered off before the end of the test',
    ],
    [
      'a QEMU that is killed',
      server({ wasStopped: false }, { exit: { signal: 'SIGKILL' } }),
      'crash: nfsd-xfs (VM 1): VM lost: QEMU was killed by SIGKILL',
    ],
    [
      'a limit',
      server({ wasStopped: false, gaveUp: 'it was not ready after 9 s' }),
      'timeout: nfsd-xfs (VM 1): it was not ready after 9 s',
    ],
    [
      'a QEMU that does not start',
      server(
        { wasStopped: false },
        { exit: { status: 1 }, shutdown: undefined, events: [], qemuSaid: 'no tap\n' },
      ),
      'error: nfsd-xfs (VM 1): QEMU did not start the VM: no tap',
    ],
  ])('%s', (_, ended, judged) => {
    const failure = judgeServer(ended);
    expect(failure && `${failure.verdict}: ${failure.reason}`).toBe(judged);
  });
});

describe('a run with a server', () => {
  test.each<[string, Parameters<typeof judgeWithServers>[0], EndedServer, string]>([
    ['passes when both do', PASS, server(), 'pass: the command succeeded'],
    ['has the verdict of a client that fails', FAIL, server(), 'fail: status 3'],
    [
      'crashes with its server, whatever the client came to',
      PASS,
      panicked,
      'crash: nfsd-xfs (VM 1): the kernel panicked: Oops',
    ],
    [
      'crashes with its server, if the client failed because of that',
      FAIL,
      panicked,
      'crash: nfsd-xfs (VM 1): the kernel panicked: Oops',
    ],
    [
      'crashes with its server, for which the client was ended',
      ENDED,
      panicked,
      'crash: nfsd-xfs (VM 1): the kernel panicked: Oops',
    ],
    [
      'is an error of its server, for which the client was ended',
      ENDED,
      server({ wasStopped: false }, { shutdown: 'guest-reset', wasHostFull: true }),
      'error: nfsd-xfs (VM 1): no space left on the host for its disks; guest writes failed',
    ],
    [
      'crashes with its client first, if both kernels do',
      CRASH,
      panicked,
      'crash: the kernel crashed',
    ],
    [
      'does not pass with a complaint of its server',
      PASS,
      server({ splats: [splat(), splat({ title: 'other' })] }),
      'splat: nfsd-xfs (VM 1): the kernel reported a problem: WARNING in nfsd4_open and 1 more',
    ],
    [
      'passes with one that is excused, or only a note',
      PASS,
      server({ splats: [splat({ excused: 'known' }), splat({ severity: 'note' })] }),
      'pass: the command succeeded',
    ],
  ])('%s', (_, client, ended, expected) => {
    const { verdict, reason } = judgeWithServers(client, [ended]);
    expect(`${verdict}: ${reason}`).toBe(expected);
  });
});
