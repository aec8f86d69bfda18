import { join } from 'node:path';
import {
  type Context,
  chooseKernel,
  createContext,
  type GlobalOptions,
  refuseStrangeKeys,
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

/** One thing that rapido needs, or is better with. */
export interface Finding {
  /** What it is for. */
  area: 'cutting' | 'booting' | 'networking';
  what: string;
  state: 'ok' | 'lacking' | 'better';
  /** For a lack: the command or setting that mends it. */
  mend?: string | undefined;
  /** Whether scripts/setup installs it. */
  isSetUp?: boolean;
}

/** `rapido doctor`: status 1 if the main job, cutting and booting, cannot work. */
export async function runDoctor(options: GlobalOptions, ui: Ui): Promise<number> {
  const context = createContext(options, ui);
  await refuseStrangeKeys(context, context.conf);
  const findings = [...examine(context), ...(await checkNetwork(context))];
  for (const line of formatFindings(findings, ui.paint)) ui.result(line);
  const fatal = findings.filter(({ area, state }) => area !== 'networking' && state === 'lacking');
  if (fatal.length === 0) return EXIT.ok;
  ui.note(`rapido cannot cut and boot here yet${adviseSetup(fatal, context.directories.root)}`);
  return EXIT.failed;
}

/** What was installed as a package has no scripts, and a kernel that is not built no script builds. */
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
    checkDracut(context) ?? look('cutting', 'dracut', 'gathers programs and their libraries'),
    look('cutting', 'setpriv', 'ends what rapido started when rapido ends'),
    look('cutting', 'bash', 'runs the guest'),
    look('cutting', 'modprobe', 'loads modules in the guest'),
    look('cutting', 'mount', 'mounts filesystems in the guest'),
    look('cutting', 'setsid', 'gives the guest its terminal'),
    look('cutting', 'xz', 'unpacks kernel modules', 'better'),
    look('cutting', 'zstd', 'unpacks kernel modules', 'better'),
    checkWritable('cutting', 'images and layers', context.directories.cache, context),
    checkKernel(context),
    look('booting', architecture.qemu, 'runs the VM'),
    look('booting', 'flock', 'keeps VM numbers apart'),
    look('booting', 'stty', 'restores the terminal'),
    checkKvm(architecture),
    checkWritable('booting', 'console logs', context.directories.state, context),
    look('networking', 'ip', 'makes bridges and taps'),
    look('networking', 'dnsmasq', 'serves DHCP on the bridge', 'better'),
  ];
}

/** The bridge and its taps, and whether this user can open them. */
async function checkNetwork({ conf }: Context): Promise<Finding[]> {
  const area = 'networking';
  const network = await readNetworkState(conf, []);
  const setUp = 'sudo rapido setup-network, or NET=user for a network without root';
  return [
    canOpenTun()
      ? { area, what: '/dev/net/tun opens', state: 'ok' }
      : {
          area,
          what: '/dev/net/tun does not open: no VM can be on a tap',
          state: 'better',
          mend: 'sudo modprobe tun',
        },
    network === undefined
      ? { area, what: 'there is no bridge for VMs', state: 'better', mend: setUp }
      : {
          area,
          what: [`network: ${network.text}`, ...network.lacks].join('; '),
          ...(network.lacks.length === 0 ? { state: 'ok' } : { state: 'lacking', mend: setUp }),
        },
  ];
}

function programFinder(context: Context) {
  const searchPath = programSearchPath(context.env.PATH);
  return (
    area: Finding['area'],
    program: string,
    purpose: string,
    otherwise: 'lacking' | 'better' = 'lacking',
  ): Finding => {
    const path = findProgram(program, searchPath);
    if (path !== undefined) return { area, what: `${program}: ${path}`, state: 'ok' };
    return {
      area,
      what: `${program} is missing: it ${purpose}`,
      state: otherwise,
      mend: suggestInstall([program]) ?? `install ${program}`,
      isSetUp: true,
    };
  };
}

/** DRACUT_SRC, if it is set, takes the place of the installed one. */
function checkDracut({ conf }: Context): Finding | undefined {
  if (conf.get('DRACUT_SRC') === undefined) return undefined;
  const problems: Problem[] = [];
  const { dracut } = resolveDracut(conf, problems);
  const [problem] = problems;
  return problem === undefined
    ? { area: 'cutting', what: `dracut: ${dracut}`, state: 'ok' }
    : { area: 'cutting', what: problem.message, state: 'lacking' };
}

/** Whoever sets one of these wants another kernel than that of the distribution. */
const KERNEL_KEYS = ['KERNEL_SRC', 'KERNEL_RELEASE', 'KERNEL_INSTALL_MOD_PATH'] as const;

function checkKernel({ conf }: Context): Finding {
  try {
    const kernel = chooseKernel(conf);
    // Modules that nobody has listed cannot be found: the first cut would say so.
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
      state: 'lacking',
      mend: error.hint,
      // It installs a kernel where there is none.
      isSetUp:
        KERNEL_KEYS.every((key) => conf.get(key) === undefined) && error.problems.length === 0,
    };
  }
}

function checkKvm(architecture: Architecture): Finding {
  const kvm = probeKvm(architecture);
  if (kvm.usable) return { area: 'booting', what: 'KVM works', state: 'ok' };
  return {
    area: 'booting',
    what: `no KVM, VMs are emulated and slow: ${kvm.reason}`,
    state: 'better',
    mend:
      kvm.mend ??
      'turn on virtualization in the firmware, or nested virtualization in the outer VM',
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
    what: `${what}: ${directory} cannot be written`,
    state: 'lacking',
    mend: hintForUnwritable(env),
  };
}

/** Grouped by what it is for; each lack with its mend on a line of its own. */
export function formatFindings(
  findings: readonly Finding[],
  paint: Record<'bold' | 'green' | 'red' | 'yellow', (text: string) => string>,
): string[] {
  const marks = {
    ok: paint.green('ok     '),
    lacking: paint.red('lacking'),
    better: paint.yellow('better '),
  };
  return (['cutting', 'booting', 'networking'] as const).flatMap((area) => [
    paint.bold(area),
    ...findings
      .filter((finding) => finding.area === area)
      .flatMap(({ state, what, mend }) => [
        `  ${marks[state]} ${what}`,
        ...(mend === undefined ? [] : [`          ${mend}`]),
      ]),
  ]);
}
