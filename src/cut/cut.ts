import type { ConfKeyTable } from '../conf/schema.ts';

/**
 * The description of a target and its image, as plain data. A file in `cuts/` has one as its default export.
 *
 * Paths and search paths may contain conf keys as `${KEY}`, and so may the strings below whose comments say so.
 */
export interface Cut {
  /** One line for `rapido list`, without a full stop. */
  summary: string;

  /** Required programs, by name or absolute path (`${KEY}` expanded). Their libraries are added. */
  binaries?: readonly string[];
  /** Programs that are added if the host has them. */
  optionalBinaries?: readonly string[];
  /**
   * Optional programs by the kernel option that they need: `CONFIG_XFS_ONLINE_SCRUB`. They are also added if the
   * configuration of the kernel is not known.
   */
  kernelBinaries?: Readonly<Record<string, readonly string[]>>;
  /** Directories that are searched for binaries before PATH. One whose `${KEY}` is unset is ignored. */
  searchPath?: readonly string[];

  /**
   * Required kernel modules (`${KEY}` expanded), which may also be built into the kernel.
   * `ksmbd=CONFIG_SMB_SERVER` also names the kernel option, for the message if the module is missing.
   */
  drivers?: readonly string[];
  /** Kernel modules that are added if the kernel has them. */
  optionalDrivers?: readonly string[];

  /**
   * Options that the kernel must have, apart from those of `drivers`, with what each of them gives, for messages:
   * `CONFIG_NFS_V4` to `NFS version 4`. One that is a module (=m) must be in the image: add it to `drivers`, as
   * `MODULE=CONFIG_…`.
   */
  kernelOptions?: Readonly<Record<string, string>>;

  /** Directories with tests, copied unchanged. */
  trees?: readonly Tree[];
  /** Single host files, copied unchanged; `target` defaults to the same path. */
  files?: readonly HostFile[];
  /** Small files to create in the image: guest path to content, without expansion. */
  contents?: Readonly<Record<string, string>>;

  /** Whether tests read the kernel's configuration, which is added as /boot/config-RELEASE if the host has it. */
  kernelConfig?: boolean;

  /** What dracut installs in addition to the binaries. */
  dracut?: {
    /** dracut modules in addition to `bash`. */
    modules?: readonly string[];
    /** Additional dracut arguments, unchanged. */
    args?: readonly string[];
  };

  /**
   * With `systemd`, PID 1 of the guest executes systemd after it has set up disks and channels, and the session is
   * a service. Without it, PID 1 is the session.
   */
  init?: 'systemd';

  /**
   * Scripts that run in this order after boot: names of files beside the cut, in an `autorun/` directory beside
   * it, or in rapido's own `autorun/`.
   */
  autorun?: readonly string[];
  /** Directory in which autorun scripts and the shell start (`${KEY}` expanded). */
  directory?: string;

  /** The command that `rapido run` runs after the autorun scripts have succeeded, and how its output is parsed. */
  test?: {
    /** Program and arguments (`${KEY}` expanded), without a shell. Words after `--` replace it. */
    command?: readonly string[];
    /** The format of the results of single tests. Without it, only the exit status counts. */
    output?: OutputFormat;
    /** Files below /rapido/results that are copied to the next run of the cut: `check.time`. */
    carry?: readonly string[];
    /**
     * Whether its scripts omit or skip the tests in the file /rapido/tests-done, so that a run can continue
     * after a crash.
     */
    resumes?: boolean;
    /**
     * Lists of kernel reports that its tests provoke on purpose, with lines `PATTERN @ TEST # REASON`: names of
     * files beside the cut, in an `expected/` directory beside it, or in rapido's own `expected/`.
     */
    expected?: readonly string[];
  };

  /**
   * Compressed block devices in memory, which exist before the first script runs: name to size. A disk of the VM
   * with the name as its serial replaces the device.
   */
  zram?: Readonly<Record<string, string | ZramDevice>>;

  resources?: {
    /** Number of virtual CPUs. */
    cpus?: number;
    /** With a unit: `512M`, `2G`. Memory for zram devices is added. */
    memory?: string;
  };
  /** Whether the VM needs a network. */
  network?: boolean;
  /** Whether its scripts start an ssh server at port 22, where root can log in with SSH_AUTHORIZED_KEY. */
  sshServer?: boolean;

  conf?: {
    /** Required keys: cutting fails if one is unset. The guest gets them. */
    needs?: readonly string[];
    /** Keys that the guest gets if they are set. */
    uses?: readonly string[];
    /** Keys that this cut defines, by name. The guest gets them if they are set. */
    defines?: ConfKeyTable;
  };
}

/**
 * - `ktap`: https://docs.kernel.org/dev-tools/ktap.html, the format of kselftest and kunit.
 * - `fstests`: output of `check` of xfstests.
 * - `blktests`: output of `check` of blktests.
 * - `ltp`: output of runltp, or of the runner of the cut `ltp`.
 */
export type OutputFormat = 'ktap' | 'fstests' | 'blktests' | 'ltp';

export interface Tree {
  /** Host directory (`${KEY}` expanded). */
  source: string;
  /** Guest directory (`${KEY}` expanded). Defaults to the same path. */
  target?: string;
  /** Names (`.git`), paths below the source (`doc/html`) or patterns (`*.o`) to exclude. */
  exclude?: readonly string[];
  /** Paths below the source that exist if it is what the cut expects, and built: `check`, `ltp/fsstress`. */
  contains?: readonly string[];
}

export interface ZramDevice {
  /** `512M`, `1G` (`${KEY}` expanded); with 0, there is no device. */
  size: string;
  /** The device exists only if these conf keys have these values. */
  when?: Readonly<Record<string, string>>;
}

export interface HostFile {
  source: string;
  target?: string;
  /** Whether it is silently omitted if the source does not exist. */
  optional?: boolean;
  /**
   * Whether it is omitted if a conf key in the source is not set, or has a value that is not a path. A file that
   * the key names must exist.
   */
  ifSet?: boolean;
}

/** Types the data of a cut file: `export default defineCut({ … })`. Returns its argument. */
export function defineCut(cut: Cut): Cut {
  return cut;
}
