import { join } from 'node:path';
import {
  type Context,
  checkUnknownKeys,
  chooseKernel,
  createContext,
  type GlobalOptions,
} from '../cli/context.ts';
import { EXIT, UserError } from '../errors.ts';
import { readModuleTree } from '../formats/kmod/modules.ts';
import { type Architecture, architectureOf } from '../host/architecture.ts';
import { hintForUnwritable } from '../host/directories.ts';
import { suggestInstall } from '../host/distribution.ts';
import { probeKvm } from '../host/kvm.ts';
import { canOpenTun } from '../host/network-devices.ts';
import { findProgram, programSearchPath } from '../host/programs.ts';
import { resolveDracut } from '../image/resolve-programs.ts';
import type { Problem } from '../image/resolve-request.ts';
import { readNetworkState } from '../setup/network-state.ts';
import { formatCommandLine } from '../sys/command-line.ts';
import { canWriteTo, isFile } from '../sys/stat.ts';
import type { Ui } from '../ui/terminal.ts';

/** The result of one check. */
export interface Finding {
  /** What the checked thing is needed for. */
  area: 'cutting' | 'booting' | 'networking';
  what: string;
  /** `error`: required and missing; `advice`: rapido works without it, but slower or with less. */
  state: 'ok' | 'error' | 'advice';
  /** The command or setting that fixes it. */
  fix?: string | undefined;
  /** Whether scripts/setup fixes it. */
  isSetUp?: boolean;
}

/** `rapido doctor` @returns the exit status: 1 if cutting or booting cannot work */
export async function runDoctor(options: GlobalOptions, ui: Ui): Promise<number> {
  const context = createContext(options, ui);
  await checkUnknownKeys(context, context.conf);
  const findings = [...examine(context), ...(await checkNetwork(context))];
  for (const line of formatFindings(findings, ui.paint)) ui.result(line);
  const fatal = findings.filter(({ area, state }) => area !== 'networking' && state === 'error');
  if (fatal.length === 0) return EXIT.ok;
  ui.note(
    `rapido cannot cut or boot on this host yet${adviseSetup(fatal, context.directories.root)}`,
  );
  return EXIT.failed;
}

/** A packaged rapido has no scripts/setup, and scripts/setup does not build kernels. */
function adviseSetup(fatal: readonly Finding[], root: string): string {
  const setup = join(root, 'scripts/setup');
  const installable = fatal.filter(({ isSetUp }) => isSetUp === true);
  if (installable.length === 0 || !isFile(setup)) return '';
  const what = installable.length === fatal.length ? 'what is missing' : 'the programs';
  return `; ${formatCommandLine([setup])} installs ${what}`;
}

function examine(context: Context): Finding[] {
  const architecture = architectureOf(process.arch);
  const look = programFinder(context);
  return [
    checkDracut(context) ?? look('cutting', 'dracut', 'collects programs and their libraries'),
    look('cutting', 'setpriv', 'ends the child processes of rapido when rapido ends'),
    look('cutting', 'bash', 'runs the scripts in the guest'),
    look('cutting', 'modprobe', 'loads modules in the guest'),
    look('cutting', 'mount', 'mounts filesystems in the guest'),
    look('cutting', 'setsid', 'gives the shell in the guest a terminal'),
    look('cutting', 'xz', 'unpacks kernel modules', 'advice'),
    look('cutting', 'zstd', 'unpacks kernel modules', 'advice'),
    checkWritable('cutting', 'images and layers', context.directories.cache, context),
    checkKernel(context),
    look('booting', architecture.qemu, 'runs the VM'),
    look('booting', 'flock', 'reserves VM numbers'),
    look('booting', 'stty', 'restores the terminal'),
    checkKvm(architecture),
    checkWritable('booting', 'console logs', context.directories.state, context),
    look('networking', 'ip', 'creates bridges and taps'),
    look('networking', 'dnsmasq', 'serves DHCP on the bridge', 'advice'),
  ];
}

/** Checks the bridge and its taps, and whether this user can open them. */
async function checkNetwork({ conf }: Context): Promise<Finding[]> {
  const area = 'networking';
  const network = await readNetworkState(conf, []);
  const setUp = 'sudo rapido setup-network; or set VM_NET=user for a network without root';
  return [
    canOpenTun()
      ? { area, what: '/dev/net/tun can be opened', state: 'ok' }
      : {
          area,
          what: '/dev/net/tun cannot be opened, so VMs cannot use taps',
          state: 'advice',
          fix: 'sudo modprobe tun',
        },
    network === undefined
      ? { area, what: 'there is no bridge for VMs', state: 'advice', fix: setUp }
      : {
          area,
          what: [`network: ${network.text}`, ...network.lacks].join('; '),
          ...(network.lacks.length === 0 ? { state: 'ok' } : { state: 'error', fix: setUp }),
        },
  ];
}

function programFinder(context: Context) {
  const searchPath = programSearchPath(context.env.PATH);
  return (
    area: Finding['area'],
    program: string,
    purpose: string,
    otherwise: 'error' | 'advice' = 'error',
  ): Finding => {
    const path = findProgram(program, searchPath);
    if (path !== undefined) return { area, what: `${program}: ${path}`, state: 'ok' };
    return {
      area,
      what: `this host has no program ${program}, which ${purpose}`,
      state: otherwise,
      fix: suggestInstall([program]) ?? `install ${program}`,
      isSetUp: true,
    };
  };
}

/** Checks DRACUT_SRC, which replaces the installed dracut. @returns undefined if it is not set */
function checkDracut({ conf }: Context): Finding | undefined {
  if (conf.get('DRACUT_SRC') === undefined) return undefined;
  const problems: Problem[] = [];
  const { dracut } = resolveDracut(conf, problems);
  const [problem] = problems;
  return problem === undefined
    ? { area: 'cutting', what: `dracut: ${dracut}`, state: 'ok' }
    : { area: 'cutting', what: problem.message, state: 'error' };
}

/** A user who sets one of these does not use the kernel of the distribution. */
const KERNEL_KEYS = ['KERNEL_SRC', 'KERNEL_RELEASE', 'KERNEL_INSTALL_MOD_PATH'] as const;

function checkKernel(context: Context): Finding {
  try {
    const kernel = chooseKernel(context);
    // Without the lists of depmod, the first cut would fail.
    if (kernel.modules !== undefined) readModuleTree(kernel.modules);
    return {
      area: 'booting',
      what: `kernel: Linux ${kernel.release}, ${kernel.image} (${kernel.chosenBy})`,
      state: 'ok',
    };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return {
      area: 'booting',
      what: [error.message, ...error.problems].join('; '),
      state: 'error',
      fix: error.hint,
      // scripts/setup installs a kernel of the distribution if there is none.
      isSetUp:
        KERNEL_KEYS.every((key) => context.conf.get(key) === undefined) &&
        error.problems.length === 0,
    };
  }
}

function checkKvm(architecture: Architecture): Finding {
  const kvm = probeKvm(architecture);
  if (kvm.usable) return { area: 'booting', what: 'KVM works', state: 'ok' };
  return {
    area: 'booting',
    what: `no KVM, so VMs are emulated and slow: ${kvm.reason}`,
    state: 'advice',
    fix:
      kvm.remedy ??
      'enable virtualization in the firmware, or nested virtualization in the outer VM',
  };
}

function checkWritable(
  area: Finding['area'],
  what: string,
  directory: string,
  { env }: Context,
): Finding {
  if (canWriteTo(directory)) return { area, what: `${what}: ${directory}`, state: 'ok' };
  return {
    area,
    what: `${what}: ${directory} is not writable`,
    state: 'error',
    fix: hintForUnwritable(env),
  };
}

/** Formats the findings by area. A fix is on a line of its own. */
export function formatFindings(
  findings: readonly Finding[],
  paint: Record<'bold' | 'green' | 'red' | 'yellow', (text: string) => string>,
): string[] {
  const marks = {
    ok: paint.green('ok     '),
    error: paint.red('error  '),
    advice: paint.yellow('advice '),
  };
  return (['cutting', 'booting', 'networking'] as const).flatMap((area) => [
    paint.bold(area),
    ...findings
      .filter((finding) => finding.area === area)
      .flatMap(({ state, what, fix }) => [
        `  ${marks[state]} ${what}`,
        ...(fix === undefined ? [] : [`          ${fix}`]),
      ]),
  ]);
}
