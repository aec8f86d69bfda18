import type { ConfKeyTable } from '../conf/schema.ts';

/**
 * What one test target needs in its image, as plain data. One file in `cuts/` default-exports one.
 *
 * Paths and search paths may name conf keys as `${KEY}`; so may every string that says so below.
 */
export interface Cut {
  /** One line for `rapido list`, without a full stop. */
  summary: string;

  /** Programs that must be there, by name or absolute path (`${KEY}` expanded), with their libraries. */
  binaries?: readonly string[];
  /** Programs to take along where the host has them. */
  optionalBinaries?: readonly string[];
  /**
   * The same, by the option without which the kernel has no use for them: `CONFIG_XFS_ONLINE_SCRUB`. Where it
   * is not known how the kernel was configured, they are taken along.
   */
  kernelBinaries?: Readonly<Record<string, readonly string[]>>;
  /** Directories searched for binaries before PATH; one whose `${KEY}` is unset is left out. */
  searchPath?: readonly string[];

  /**
   * Kernel modules that must be loadable in the guest (`${KEY}` expanded); one built into the kernel
   * counts. `ksmbd=CONFIG_SMB_SERVER` also names the option of a kernel that has it, for the refusal.
   */
  drivers?: readonly string[];
  /** Kernel modules to take along where the kernel has them. */
  optionalDrivers?: readonly string[];

  /** Test directories, copied as they are. */
  trees?: readonly Tree[];
  /** Single host files, copied as they are, to the same path unless `target` says otherwise. */
  files?: readonly HostFile[];
  /** Small files made for the image: guest path to content, both as they are. */
  contents?: Readonly<Record<string, string>>;

  /** Whether tests look at the kernel's configuration: /boot/config-RELEASE, where the host has it. */
  kernelConfig?: boolean;

  /** What dracut is asked for beside the binaries. */
  dracut?: {
    /** dracut modules, beside `bash`. */
    modules?: readonly string[];
    /** Further dracut arguments, as they are. */
    args?: readonly string[];
  };

  /**
   * What PID 1 of the guest becomes once disks and channels are there: systemd, with the session as one
   * of its services. Without it, PID 1 is the session.
   */
  init?: 'systemd';

  /**
   * Scripts that run in this order once the VM is up: file names beside the cut, in an `autorun/`
   * directory beside it, or in rapido's own `autorun/`.
   */
  autorun?: readonly string[];
  /** Directory in which autorun scripts start and the prompt stands (`${KEY}` expanded). */
  directory?: string;

  /** What `rapido run` does once the autorun scripts have succeeded, and how its output is read. */
  test?: {
    /** Program and arguments (`${KEY}` expanded), no shell; what follows `--` takes its place. */
    command?: readonly string[];
    /** Where single results are told; without it, the exit status is all there is. */
    output?: OutputFormat;
    /** Files below /rapido/results that the next run of the cut finds there: `check.time`. */
    carry?: readonly string[];
    /**
     * Whether its scripts see to it that the tests of the file /rapido/tests-done are left out or
     * skipped: a run can then go on after a crash.
     */
    resumes?: boolean;
    /**
     * Lists of kernel reports that its tests provoke on purpose, `PATTERN @ TEST # REASON` a line: file names
     * beside the cut, in an `expected/` directory beside it, or in rapido's own `expected/`.
     */
    expected?: readonly string[];
  };

  /**
   * Block devices in memory, compressed, that are there before the first script runs: name to size. A
   * disk of the VM with such a serial takes the place of one.
   */
  zram?: Readonly<Record<string, string | ZramDevice>>;

  resources?: {
    /** Virtual CPUs. */
    cpus?: number;
    /** With a unit: `512M`, `2G`. What zram devices need comes on top of it. */
    memory?: string;
  };
  /** Whether the VM needs a network. */
  network?: boolean;
  /** Whether its scripts start an ssh server at port 22, where root logs in with SSH_AUTHORIZED_KEY. */
  sshServer?: boolean;

  conf?: {
    /** Keys without which the cut makes no sense: refused when unset; the guest gets them. */
    needs?: readonly string[];
    /** Keys that the guest gets when they are set. */
    uses?: readonly string[];
    /** Keys that only this cut knows, by name; they count as used. */
    defines?: ConfKeyTable;
  };
}

/**
 * - `ktap`: https://docs.kernel.org/dev-tools/ktap.html, as kselftest and kunit print it.
 * - `fstests`: what `check` of xfstests prints.
 * - `blktests`: what `check` of blktests prints.
 * - `ltp`: what runltp, or the runner of the cut `ltp`, prints.
 */
export type OutputFormat = 'ktap' | 'fstests' | 'blktests' | 'ltp';

export interface Tree {
  /** Host directory (`${KEY}` expanded). */
  source: string;
  /** Guest directory (`${KEY}` expanded); the same path if left out. */
  target?: string;
  /** Names (`.git`), paths below the source (`doc/html`) or patterns (`*.o`) to leave out. */
  exclude?: readonly string[];
}

export interface ZramDevice {
  /** `512M`, `1G` (`${KEY}` expanded); 0: none. */
  size: string;
  /** Made only where these conf keys have these values. */
  when?: Readonly<Record<string, string>>;
}

export interface HostFile {
  source: string;
  target?: string;
  /** Left out without a word when the source does not exist. */
  optional?: boolean;
  /**
   * Left out where a conf key in the source is not set, or has something else than a path as its value.
   * A file that is named must exist.
   */
  ifSet?: boolean;
}

/** Types the data of a cut file: `export default defineCut({ … })`. It returns what it is given. */
export function defineCut(cut: Cut): Cut {
  return cut;
}
