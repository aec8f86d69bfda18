import * as z from 'zod/mini';
import type { BlockedTask } from '../formats/klog/blocked-tasks.ts';
import type { Severity } from '../formats/klog/splat.ts';
import { orAbsent } from '../sys/json.ts';
import type { ShownDisk } from '../vm/disks.ts';

/** In milliseconds. */
const milliseconds = z.number();

const exitStatus = z.int();

/** The machine on which rapido ran. */
const runHost = z.object({
  name: z.string(),
  /** As printed by `uname -r`. */
  release: z.string(),
  /** As printed by `uname -m`. */
  architecture: z.string(),
});

export type RunHost = z.infer<typeof runHost>;

const runKernel = z.object({
  release: z.string(),
  /** Path of the kernel image. */
  image: z.string(),
  /** `git describe` of KERNEL_SRC. */
  git: orAbsent(z.string()),
  /** Hash of the commit that is checked out in KERNEL_SRC. */
  commit: z.optional(z.string()),
  /** Its branch; undefined: HEAD is detached. */
  branch: z.optional(z.string()),
  /** As printed by `uname -m`. */
  architecture: z.optional(z.string()),
  /** SHA-256 of its configuration, in hexadecimal; the file is `kernel.config` in the directory of the run. */
  config: z.optional(z.string()),
});

export type RunKernel = z.infer<typeof runKernel>;

/** A part of a job that is split into several runs. */
const runShard = z.object({
  /** From 1. */
  index: z.int(),
  count: z.int(),
  /** Names of the tests that are its part; undefined: rapido did not split the job (`--shard`). */
  tests: z.optional(z.array(z.string())),
  /** SHA-256 of the names of the tests of all parts, in hexadecimal. */
  list: z.optional(z.string()),
});

export type RunShard = z.infer<typeof runShard>;

/** The CI job that the run is a part of. */
const runCi = z.object({
  system: z.enum(['github', 'gitlab']),
  /** Of the job, for a browser. */
  url: z.optional(z.string()),
});

export type RunCi = z.infer<typeof runCi>;

const shownDisk: z.ZodMiniType<ShownDisk> = z.object({
  path: z.string(),
  serial: z.string(),
  bus: z.enum(['virtio', 'nvme']),
  format: z.string(),
  readonly: z.boolean(),
  scratch: z.optional(z.number()),
});

const runVm = z.object({
  accelerator: z.enum(['kvm', 'tcg']),
  cpus: z.int(),
  /** In bytes. */
  memory: z.number(),
  /** Of the last boot: from the start of the run to the start of QEMU. */
  start: z.optional(milliseconds),
  /** Its disks; `scratch`: size in bytes of a disk that was created for the run. */
  disks: z.optional(z.array(shownDisk)),
  /** The QEMU command line, program first. */
  qemu: z.array(z.string()),
});

export type RunVm = z.infer<typeof runVm>;

/**
 * - `pass`: rapido saw the command exit with 0 and received all of its output, and there is no splat.
 * - `fail`: the command, a test or an autorun script failed.
 * - `crash`: the kernel crashed or the VM died before the command ended.
 * - `splat`: the command succeeded, but the kernel reported a problem.
 * - `error`: rapido could not do what was asked, or could not determine the outcome.
 */
export const VERDICTS = [
  'pass',
  'fail',
  'crash',
  'splat',
  'timeout',
  'interrupted',
  'error',
] as const;
const verdict = z.enum(VERDICTS);

export type Verdict = z.infer<typeof verdict>;

const runCommand = z.union([
  /** A program with its arguments, run without a shell. */
  z.object({ arguments: z.array(z.string()) }),
  /** `-x`: text for a shell. */
  z.object({ shell: z.string() }),
  /** `-f`: path of a script on the host. */
  z.object({ script: z.string() }),
]);

export type RunCommand = z.infer<typeof runCommand>;

const runServer = z.object({
  cut: z.string(),
  /** Its VM number. */
  number: z.int(),
  /** How it failed; undefined: it served until the end of the run. */
  failure: z.optional(z.string()),
  /** From the start of the run to the start of its QEMU. */
  start: z.optional(milliseconds),
  /** Name of its console log in the directory of the run. */
  console: z.string(),
});

/** A server of the run. */
export type RunServer = z.infer<typeof runServer>;

const timesOfBoot = {
  /** From the start of QEMU to the first message of the guest's init. */
  boot: orAbsent(milliseconds),
  autorun: orAbsent(milliseconds),
  command: orAbsent(milliseconds),
  /** From the end of the command to the end of QEMU. */
  powerOff: orAbsent(milliseconds),
};

const runTimes = z.object({
  build: orAbsent(milliseconds),
  cut: orAbsent(milliseconds),
  /** Until all servers were ready; undefined: there were none. */
  servers: z.optional(milliseconds),
  ...timesOfBoot,
  total: milliseconds,
});

/** How long each phase took, summed over all boots; undefined: it was not reached or did not end. */
export type RunTimes = z.infer<typeof runTimes>;

const runBoot = z.object({
  verdict,
  reason: z.string(),
  /** How many of the tests belong to this boot. The tests are in the order of the boots. */
  tests: z.int(),
  /** From the start of the run to the start of QEMU. */
  start: z.optional(milliseconds),
  times: z.object(timesOfBoot),
});

/** One boot of a run. */
export type RunBoot = z.infer<typeof runBoot>;

/** `interrupted`: it was running when rapido ended the VM because of a limit or a signal, or when the VM was lost. */
const testStatus = z.enum(['pass', 'fail', 'skip', 'xfail', 'xpass', 'interrupted']);

export type TestStatus = z.infer<typeof testStatus>;

const testResult = z.object({
  /** Nested names are joined with `/`: `net/tls/tls.12_aes_gcm.splice`. */
  name: z.string(),
  status: testStatus,
  /**
   * From the start of the run to the start of the test. If the suite does not report it: to the result of the test
   * before it, or to the start of the command.
   */
  start: z.optional(milliseconds),
  duration: z.optional(milliseconds),
  /** Why it failed or was skipped, in one line. */
  message: z.optional(z.string()),
  /** Its output, if known; shortened. */
  output: z.optional(z.string()),
});

export type TestResult = z.infer<typeof testResult>;

const severity: z.ZodMiniType<Severity> = z.enum(['fatal', 'error', 'note']);

const runSplat = z.object({
  /** `warning`, `kasan`, `panic` …: a `SplatKind` of src/formats/klog. */
  kind: z.string(),
  severity,
  /** Short, and the same in every run. */
  title: z.string(),
  /** How often it appeared. */
  count: z.int(),
  /** From the start of the run to the first line of the first one, as rapido received it. */
  start: z.optional(milliseconds),
  /** The first one, complete, as it was on the console. */
  text: z.string(),
  /** The first one, decoded by decode_stacktrace.sh. */
  decoded: z.optional(z.string()),
  /** The test, autorun script or phase in which the first one appeared. */
  during: orAbsent(z.string()),
  /** The server whose kernel reported it; undefined: the VM under test. */
  vm: z.optional(z.string()),
  /** The boot in which the first one appeared, from 1; undefined: there was only one boot. */
  boot: z.optional(z.int()),
  /** The reason that a list of expected splats gives, if it excuses this one. */
  excused: z.optional(z.string()),
  /** `FILE:LINE` of the list that excuses it. */
  excusedBy: z.optional(z.string()),
});

export type RunSplat = z.infer<typeof runSplat>;

const blockedTask: z.ZodMiniType<BlockedTask> = z.object({
  name: z.string(),
  pid: z.int(),
  function: orAbsent(z.string()),
});

/** The version of result.json that this rapido writes and reads. */
export const RESULT_VERSION = 1;

/** The contents of `result.json`. A field that is undefined is not in the file. */
export const runResult = z.object({
  version: z.literal(RESULT_VERSION),
  /** Name of the run's directory: `20261123-021557-simple-example-3f2a`, in UTC. */
  id: z.string(),
  verdict,
  /** Exit status of `rapido run`. */
  status: exitStatus,
  /** The reason for the verdict, one line. */
  reason: z.string(),
  cut: z.string(),
  /** Version of the rapido that ran it; undefined: an older one, which did not record it. */
  rapido: z.optional(z.string()),
  /** undefined: an older rapido did not record it. */
  host: z.optional(runHost),
  /** The CI job of the run; undefined: none that rapido knows. */
  ci: z.optional(runCi),
  /** Which part of a job it is; undefined: the job is not split. */
  shard: z.optional(runShard),
  /** How many times the job was started, from 1; undefined: unknown. */
  attempt: z.optional(z.int()),
  /** The test suite whose output rapido parsed: `fstests`, `blktests`, `ltp`; undefined: another, or none. */
  suite: z.optional(z.string()),
  /** What ran in the guest after the autorun scripts; undefined: nothing. */
  command: orAbsent(runCommand),
  /** Exit status of the command, if rapido saw it end. */
  commandStatus: orAbsent(exitStatus),
  /** The autorun scripts that ended, in order. */
  autorun: z.array(z.object({ script: z.string(), status: exitStatus })),
  /** undefined: the run failed before a kernel was chosen. */
  kernel: orAbsent(runKernel),
  /** undefined: the run failed before the VM was started. */
  vm: orAbsent(runVm),
  /** ISO 8601. */
  started: z.iso.datetime({ offset: true }),
  times: runTimes,
  /** The servers (`--with`); undefined: there were none. */
  servers: z.optional(z.array(runServer)),
  /** The boots of a run that continued after a crash; undefined: there was only one. */
  boots: z.optional(z.array(runBoot)),
  /** Results of single tests in the output of the command. */
  tests: z.array(testResult),
  /** Kernel reports, in the order in which each first appeared. */
  splats: z.array(runSplat),
  /** Names of the files in the directory of the run with the memory of a VM that crashed; undefined: none. */
  dumps: z.optional(z.array(z.string())),
  /** Tasks in uninterruptible sleep when a limit was reached; undefined: none, or the kernel did not answer. */
  blockedTasks: z.optional(z.array(blockedTask)),
  /** Other information: input that was not passed on, a file that could not be written. */
  notes: z.array(z.string()),
});

/** docs/results.md describes every field. */
export type RunResult = z.infer<typeof runResult>;
