import type { BlockedTask } from '../formats/klog/blocked-tasks.ts';
import type { Severity } from '../formats/klog/splat.ts';
import type { TestStatus as SuiteTestStatus } from '../formats/suites/suite.ts';
import type { ShownDisk } from '../vm/disks.ts';

/** `interrupted`: it was running when rapido ended the VM, at a limit or a signal, or lost it. */
export type TestStatus = SuiteTestStatus | 'interrupted';

/**
 * What came of a run, as `result.json` holds it; docs/results.md describes every field.
 * Times are in milliseconds. A field that is undefined is not in the file.
 */
export interface RunResult {
  version: 1;
  /** Name of the run's directory: `20261123-021557-simple-example-3f2a`, in UTC. */
  id: string;
  verdict: Verdict;
  /** Exit status of `rapido run`. */
  status: number;
  /** One line: why this verdict. */
  reason: string;
  cut: string;
  /** What ran in the guest after the autorun scripts; undefined: nothing did. */
  command: RunCommand | undefined;
  /** The command's own exit status, if it was seen to end. */
  commandStatus: number | undefined;
  /** The autorun scripts that were heard to end, in their order. */
  autorun: { script: string; status: number }[];
  /** undefined: the run failed before one was chosen. */
  kernel: RunKernel | undefined;
  /** undefined: the run failed before there was one. */
  vm: RunVm | undefined;
  /** ISO 8601. */
  started: string;
  times: RunTimes;
  /** The VMs that served the one under test (`--with`); undefined: there were none. */
  servers?: RunServer[] | undefined;
  /** Each boot of a run that went on after a crash; undefined: there was one. */
  boots?: RunBoot[] | undefined;
  /** What the output of the command said of single tests. */
  tests: TestResult[];
  /** What the kernel complained of, in the order of the first of each. */
  splats: RunSplat[];
  /** Tasks that slept uninterruptibly when a limit ran out; undefined: none did, or the kernel did not say. */
  blockedTasks?: BlockedTask[] | undefined;
  /** What else there is to know: input that was not passed on, a file that could not be written. */
  notes: string[];
}

export interface RunKernel {
  release: string;
  /** Path of the kernel image. */
  image: string;
  /** `git describe` of KERNEL_SRC. */
  git: string | undefined;
}

export interface RunVm {
  accelerator: 'kvm' | 'tcg';
  cpus: number;
  /** Bytes. */
  memory: number;
  /** Disks that it was given; `scratch`: bytes of one that was made for it. */
  disks?: ShownDisk[] | undefined;
  /** The QEMU command line, program first. */
  qemu: string[];
}

/**
 * - `pass`: the command was seen to end with 0, its output was received whole, no splat.
 * - `fail`: the command, a test or an autorun script failed.
 * - `crash`: the kernel crashed or the VM died before the command ended.
 * - `splat`: the command succeeded, but the kernel complained.
 * - `error`: rapido could not do it.
 */
export type Verdict = 'pass' | 'fail' | 'crash' | 'splat' | 'timeout' | 'interrupted' | 'error';

export type RunCommand =
  /** A program with its arguments, no shell. */
  | { arguments: string[] }
  /** `-x`: text for a shell. */
  | { shell: string }
  /** `-f`: the host's path of a script. */
  | { script: string };

/** A VM that served the one under test. */
export interface RunServer {
  cut: string;
  /** Its VM number. */
  number: number;
  /** What went wrong with it; undefined: it served until the end. */
  failure?: string | undefined;
  /** File of the run's directory with its console. */
  console: string;
}

/** How long each phase took, in all boots; undefined: it was not reached, or did not end. */
export interface RunTimes {
  build: number | undefined;
  cut: number | undefined;
  /** Until the servers of `--with` were ready; undefined: there were none. */
  servers?: number | undefined;
  /** From starting QEMU to the first word of the guest's init. */
  boot: number | undefined;
  autorun: number | undefined;
  command: number | undefined;
  /** From the end of the command to the end of QEMU. */
  powerOff: number | undefined;
  total: number;
}

/** A VM of a run, from its start to its end. */
export interface RunBoot {
  verdict: Verdict;
  reason: string;
  /** How many of the tests are of this boot: they stand in the order of the boots. */
  tests: number;
  times: Pick<RunTimes, 'boot' | 'autorun' | 'command' | 'powerOff'>;
}

export interface TestResult {
  /** Parts joined by `/` where tests are nested: `net/tls/tls.12_aes_gcm.splice`. */
  name: string;
  status: TestStatus;
  /** Milliseconds. */
  duration?: number | undefined;
  /** Why it failed or was skipped, in one line. */
  message?: string | undefined;
  /** What it printed, where that is known; shortened. */
  output?: string | undefined;
}

export interface RunSplat {
  /** `warning`, `kasan`, `panic` …: a `SplatKind` of src/klog. */
  kind: string;
  severity: Severity;
  /** Short, and the same in every run. */
  title: string;
  /** How often it came. */
  count: number;
  /** The first one, whole, as it was on the console. */
  text: string;
  /** The first one after decode_stacktrace.sh. */
  decoded?: string | undefined;
  /** The test, autorun script or phase in which the first one came. */
  during: string | undefined;
  /** The server in whose kernel it was; undefined: the VM under test. */
  vm?: string | undefined;
  /** In which boot that was, from 1, where there were several. */
  boot?: number | undefined;
  /** Why it is excused, in the words of the list of expected splats. */
  excused?: string | undefined;
  /** `FILE:LINE` of the list that excuses it. */
  excusedBy?: string | undefined;
}
