import type { BlockedTask } from '../formats/klog/blocked-tasks.ts';
import type { Severity } from '../formats/klog/splat.ts';
import type { TestStatus as SuiteTestStatus } from '../formats/suites/suite.ts';
import type { ShownDisk } from '../vm/disks.ts';

/** `interrupted`: it was running when rapido ended the VM because of a limit or a signal, or when the VM was lost. */
export type TestStatus = SuiteTestStatus | 'interrupted';

/**
 * The contents of `result.json`; docs/results.md describes every field. Times are in milliseconds. A field that is
 * undefined is not in the file.
 */
export interface RunResult {
  version: 1;
  /** Name of the run's directory: `20261123-021557-simple-example-3f2a`, in UTC. */
  id: string;
  verdict: Verdict;
  /** Exit status of `rapido run`. */
  status: number;
  /** The reason for the verdict, one line. */
  reason: string;
  cut: string;
  /** Version of the rapido that ran it; undefined: an older one, which did not record it. */
  rapido?: string | undefined;
  /** undefined: an older rapido did not record it. */
  host?: RunHost | undefined;
  /** What ran in the guest after the autorun scripts; undefined: nothing. */
  command: RunCommand | undefined;
  /** Exit status of the command, if rapido saw it end. */
  commandStatus: number | undefined;
  /** The autorun scripts that ended, in order. */
  autorun: { script: string; status: number }[];
  /** undefined: the run failed before a kernel was chosen. */
  kernel: RunKernel | undefined;
  /** undefined: the run failed before the VM was started. */
  vm: RunVm | undefined;
  /** ISO 8601. */
  started: string;
  times: RunTimes;
  /** The servers (`--with`); undefined: there were none. */
  servers?: RunServer[] | undefined;
  /** The boots of a run that continued after a crash; undefined: there was only one. */
  boots?: RunBoot[] | undefined;
  /** Results of single tests in the output of the command. */
  tests: TestResult[];
  /** Kernel reports, in the order in which each first appeared. */
  splats: RunSplat[];
  /** Tasks in uninterruptible sleep when a limit was reached; undefined: none, or the kernel did not answer. */
  blockedTasks?: BlockedTask[] | undefined;
  /** Other information: input that was not passed on, a file that could not be written. */
  notes: string[];
}

/** The machine on which rapido ran. */
export interface RunHost {
  name: string;
  /** As printed by `uname -r`. */
  release: string;
  /** As printed by `uname -m`. */
  architecture: string;
}

export interface RunKernel {
  release: string;
  /** Path of the kernel image. */
  image: string;
  /** `git describe` of KERNEL_SRC. */
  git: string | undefined;
  /** Hash of the commit that is checked out in KERNEL_SRC. */
  commit?: string | undefined;
  /** Its branch; undefined: HEAD is detached. */
  branch?: string | undefined;
}

export interface RunVm {
  accelerator: 'kvm' | 'tcg';
  cpus: number;
  /** In bytes. */
  memory: number;
  /** Of the last boot: from the start of the run to the start of QEMU. */
  start?: number | undefined;
  /** Its disks; `scratch`: size in bytes of a disk that was created for the run. */
  disks?: ShownDisk[] | undefined;
  /** The QEMU command line, program first. */
  qemu: string[];
}

/**
 * - `pass`: rapido saw the command exit with 0 and received all of its output, and there is no splat.
 * - `fail`: the command, a test or an autorun script failed.
 * - `crash`: the kernel crashed or the VM died before the command ended.
 * - `splat`: the command succeeded, but the kernel reported a problem.
 * - `error`: rapido could not do what was asked, or could not determine the outcome.
 */
export type Verdict = 'pass' | 'fail' | 'crash' | 'splat' | 'timeout' | 'interrupted' | 'error';

export type RunCommand =
  /** A program with its arguments, run without a shell. */
  | { arguments: string[] }
  /** `-x`: text for a shell. */
  | { shell: string }
  /** `-f`: path of a script on the host. */
  | { script: string };

/** A server of the run. */
export interface RunServer {
  cut: string;
  /** Its VM number. */
  number: number;
  /** How it failed; undefined: it served until the end of the run. */
  failure?: string | undefined;
  /** From the start of the run to the start of its QEMU. */
  start?: number | undefined;
  /** Name of its console log in the directory of the run. */
  console: string;
}

/** How long each phase took, summed over all boots; undefined: it was not reached or did not end. */
export interface RunTimes {
  build: number | undefined;
  cut: number | undefined;
  /** Until all servers were ready; undefined: there were none. */
  servers?: number | undefined;
  /** From the start of QEMU to the first message of the guest's init. */
  boot: number | undefined;
  autorun: number | undefined;
  command: number | undefined;
  /** From the end of the command to the end of QEMU. */
  powerOff: number | undefined;
  total: number;
}

/** One boot of a run. */
export interface RunBoot {
  verdict: Verdict;
  reason: string;
  /** How many of the tests belong to this boot. The tests are in the order of the boots. */
  tests: number;
  /** From the start of the run to the start of QEMU. */
  start?: number | undefined;
  times: Pick<RunTimes, 'boot' | 'autorun' | 'command' | 'powerOff'>;
}

export interface TestResult {
  /** Nested names are joined with `/`: `net/tls/tls.12_aes_gcm.splice`. */
  name: string;
  status: TestStatus;
  /**
   * From the start of the run to the start of the test. If the suite does not report it: to the result of the test
   * before it, or to the start of the command.
   */
  start?: number | undefined;
  /** In milliseconds. */
  duration?: number | undefined;
  /** Why it failed or was skipped, in one line. */
  message?: string | undefined;
  /** Its output, if known; shortened. */
  output?: string | undefined;
}

export interface RunSplat {
  /** `warning`, `kasan`, `panic` …: a `SplatKind` of src/formats/klog. */
  kind: string;
  severity: Severity;
  /** Short, and the same in every run. */
  title: string;
  /** How often it appeared. */
  count: number;
  /** From the start of the run to the first line of the first one, as rapido received it. */
  start?: number | undefined;
  /** The first one, complete, as it was on the console. */
  text: string;
  /** The first one, decoded by decode_stacktrace.sh. */
  decoded?: string | undefined;
  /** The test, autorun script or phase in which the first one appeared. */
  during: string | undefined;
  /** The server whose kernel reported it; undefined: the VM under test. */
  vm?: string | undefined;
  /** The boot in which the first one appeared, from 1; undefined: there was only one boot. */
  boot?: number | undefined;
  /** The reason that a list of expected splats gives, if it excuses this one. */
  excused?: string | undefined;
  /** `FILE:LINE` of the list that excuses it. */
  excusedBy?: string | undefined;
}
