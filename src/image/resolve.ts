import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ConfEntry } from '../conf/conf.ts';
import { parseSize } from '../conf/values.ts';
import type { ModuleTree } from '../formats/kmod/modules.ts';
import { architectureOf } from '../host/architecture.ts';
import type { Directories } from '../host/directories.ts';
import { digestNetConf, type NetConf } from '../net/net-conf.ts';
import { formatCommandLine } from '../sys/command-line.ts';
import { dracutEnvironment } from './dracut-environment.ts';
import { requireKeys } from './expand-keys.ts';
import { readDirectoryLinks } from './guest-path.ts';
import { digestScript } from './image-sources.ts';
import { GUEST_FILES, type GuestFile, planOverlay } from './overlay.ts';
import type { ImageInfo, ImagePlan } from './plan.ts';
import { refuseProblems } from './refuse-problems.ts';
import { type ResolvedCommand, resolveCommand } from './resolve-command.ts';
import { resolveAutorun, resolveTrees } from './resolve-files.ts';
import { checkKernelOptions } from './resolve-kernel-options.ts';
import { resolveModules } from './resolve-modules.ts';
import { type ResolvedNetwork, resolveNetwork } from './resolve-network.ts';
import { type ResolvedPrograms, resolveDracut, resolvePrograms } from './resolve-programs.ts';
import type { CutExtras, Problem, ResolveRequest } from './resolve-request.ts';
import { resolveZram } from './resolve-zram.ts';
import { findIdentity } from './ssh-identity.ts';
import { mayBootSystemd, systemdDracutModules, systemdUnits } from './systemd.ts';
import { readTerminfo } from './terminfo.ts';
import { type StartedListing, startListing } from './tree-listing.ts';
import { unlockptProgram } from './unlockpt.ts';
import { dracutLibrary, type PlannedUserspace } from './userspace-layer.ts';

export interface ResolvedImage {
  plan: ImagePlan;
  moduleTree: ModuleTree;
  /** The listing of its trees, started early because it takes time; undefined if the image will not be built. */
  listing: StartedListing | undefined;
  /** The command of a run. */
  command: ResolvedCommand | undefined;
  /** Names of optional binaries and drivers that are not available. */
  leftOut: string[];
  warnings: string[];
  /** Facts that the user should know, and that may be intended. */
  notes: string[];
}

/**
 * Finds everything that a cut needs on this host, and plans the image.
 * @throws UserError that lists everything that is missing, before anything is built
 */
export function resolveImage(request: ResolveRequest): ResolvedImage {
  const problems: Problem[] = [];
  const settings = declaredSettings(request, problems);
  const autorun = resolveAutorun(request, problems);
  const trees = resolveTrees(request, problems);
  const listing = request.willBuild ? startListing(trees) : undefined;
  const directory =
    request.cut.cut.directory === undefined
      ? undefined
      : requireKeys(request.cut.cut.directory, 'directory', request.conf, problems);
  const command = resolveCommand(request, { directory, trees, autorun }, problems);
  const network = resolveNetwork(request, problems);
  const programs = resolvePrograms(request, { autorun, command, network }, problems);
  const zram = resolveZram(request, problems);
  const modules = resolveModules(request, { network, zram }, problems);
  checkKernelOptions(request, modules, problems);
  const dracut = resolveDracut(request.conf, problems);
  refuseProblems(request, problems);

  const { cut, conf, kernel, directories } = request;
  const resources = cut.cut.resources ?? {};
  const userspace = planUserspace(request, { dracut, network, programs });
  const plan: ImagePlan = {
    version: 1,
    output: request.output,
    image: {
      cut: cut.name,
      ...describeExtras(request.extras),
      conf: conf.source?.path,
      kernel: kernel.buildTree ?? kernel.image,
      kernelRelease: kernel.release,
      cpus: resources.cpus,
      memory: resources.memory === undefined ? undefined : parseSize(resources.memory),
      zram,
      network: network.wanted,
      ...(cut.cut.sshServer === true && { sshServer: { identity: findIdentity(conf) } }),
      dhcpClient: network.dhcpClient,
      ...(network.netConf.size > 0 && { networkFiles: digestFiles(network.netConf) }),
      channel: modules.channel,
      diskBuses: modules.diskBuses,
      sharesDirectory: modules.sharesDirectory,
      sharesResults: modules.sharesResults,
      kernelOptions: modules.options,
      autorun: autorun.length,
    },
    links: readDirectoryLinks(),
    userspace,
    modules: modules.plan,
    trees: [
      ...trees,
      ...programs.copied.map((path) => ({ source: path, target: path, exclude: [] })),
    ],
    scripts: Object.fromEntries(
      autorun.flatMap(({ path, content }) =>
        path === undefined ? [] : [[path, digestScript(content)]],
      ),
    ),
    overlay: planOverlay({
      cut: cut.name,
      guestFiles: readGuestFiles(directories),
      unlockpt: unlockptProgram(architectureOf(process.arch).name),
      loadModules: modules.load,
      loadForDisks: modules.loadForDisks,
      network: network.wanted
        ? {
            loadModules: modules.loadForNetwork,
            dhcpClient: network.dhcpClient,
            netConf: network.netConf,
          }
        : undefined,
      zram,
      autorun,
      directory,
      conf: settings,
      occupied: [
        ...trees.map(({ target }) => target),
        ...programs.outside,
        ...Object.keys(cut.cut.contents ?? {}),
      ],
      init: cut.cut.init,
      contents: cut.cut.contents ?? {},
      programs: programs.outside,
      terminfo: readTerminfo(request.env.TERM),
      command,
      done: request.run?.done ?? [],
    }),
  };
  return {
    plan,
    moduleTree: modules.tree,
    listing,
    command,
    leftOut: [...programs.leftOut, ...modules.leftOut],
    warnings: modules.warnings,
    notes: modules.notes,
  };
}

function describeExtras(extras: CutExtras): Pick<ImageInfo, 'extras'> {
  const words = [
    ...extras.install.flatMap((program) => ['-i', program]),
    ...extras.include.flatMap((include) => ['--include', include]),
    ...extras.drivers.flatMap((driver) => ['--driver', driver]),
    ...extras.commands.flatMap((each) =>
      'command' in each ? ['-x', each.command] : ['-f', each.file],
    ),
  ];
  return words.length === 0 ? {} : { extras: formatCommandLine(words) };
}

/** Plans what dracut builds. */
function planUserspace(
  { cut: { cut }, conf }: ResolveRequest,
  {
    dracut,
    network,
    programs,
  }: {
    dracut: ReturnType<typeof resolveDracut>;
    network: ResolvedNetwork;
    programs: ResolvedPrograms;
  },
): PlannedUserspace {
  const hasSystemd = mayBootSystemd(cut.init, network.netConf);
  const modules = [
    'bash',
    ...(hasSystemd ? systemdDracutModules(dracutLibrary(dracut)) : []),
    ...(cut.dracut?.modules ?? []),
  ];
  const extraArguments = [...(cut.dracut?.args ?? []), ...conf.get('DRACUT_EXTRA_ARGS')];
  return {
    ...dracut,
    modules,
    brought: hasSystemd ? systemdUnits() : [],
    install: programs.install,
    extraArguments,
    environment: dracutEnvironment(modules, extraArguments),
  };
}

function digestFiles(netConf: NetConf): Record<number, string> {
  return Object.fromEntries([...netConf].map(([number, files]) => [number, digestNetConf(files)]));
}

/** A boolean can be written in several ways; scripts get 1 or 0. */
function guestText({ value, text }: ConfEntry): string {
  return typeof value === 'boolean' ? (value ? '1' : '0') : (text ?? '');
}

/** The conf keys that are written to the image: those that the cut declares and that are set. */
function declaredSettings(
  { cut, conf }: ResolveRequest,
  problems: Problem[],
): Record<string, string> {
  const { needs = [], uses = [], defines = {} } = cut.cut.conf ?? {};
  const settings: Record<string, string> = {};
  for (const name of new Set([...needs, ...uses, ...Object.keys(defines)])) {
    const entry = conf.entry(name);
    if (entry === undefined) {
      problems.push({ message: `${cut.path}: conf: unknown conf key ${name}`, unset: name });
    } else if (entry.text !== undefined) settings[name] = guestText(entry);
    else if (needs.includes(name)) {
      const message = `${name} is not set in rapido.conf: ${entry.key.meaning}`;
      problems.push({ message, unset: name });
    }
  }
  return settings;
}

function readGuestFiles({ root }: Directories): Record<GuestFile, Buffer> {
  const read = (name: string): Buffer => readFileSync(join(root, 'guest', name));
  return Object.fromEntries(GUEST_FILES.map((name) => [name, read(name)])) as Record<
    GuestFile,
    Buffer
  >;
}
