import { readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Conf } from '../conf/conf.ts';
import { findAutorunScript, type LoadedCut } from '../cut/load.ts';
import { errorCode, UserError } from '../errors.ts';
import type { Directories } from '../host/directories.ts';
import { detectDistribution, installCommand } from '../host/distribution.ts';
import type { Kernel } from '../host/kernel.ts';
import { findProgram, programSearchPath } from '../host/programs.ts';
import { isDirectory, isFile, isReadable, statIfReachable } from '../sys/stat.ts';
import { readDirectoryLinks } from './guest-path.ts';
import { selectAvailable } from './kmod.ts';
import { type ModuleTree, planModules, readBuiltinTree, readModuleTree } from './modules.ts';
import { type AutorunScript, planOverlay } from './overlay.ts';
import type { ImagePlan } from './plan.ts';
import { readTerminfo } from './terminfo.ts';
import type { PlannedTree } from './trees-layer.ts';
import { canDracutInstall } from './userspace-layer.ts';

/** What the command line adds to a cut, for an experiment. */
export interface CutExtras {
  /** `-i`: names or paths of programs. */
  install: readonly string[];
  /** `--include SRC[:DST]` */
  include: readonly string[];
  /** `--driver` */
  drivers: readonly string[];
  /** `-x` and `-f`, in the order they were given. */
  commands: readonly ({ command: string } | { file: string })[];
}

export interface ResolveRequest {
  cut: LoadedCut;
  conf: Conf;
  kernel: Kernel;
  extras: CutExtras;
  output: string;
  directories: Directories;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
}

export interface ResolvedImage {
  plan: ImagePlan;
  moduleTree: ModuleTree | undefined;
  /** Names of optional binaries and drivers that are not here. */
  leftOut: string[];
}

/** Programs that guest/init and guest/session run. */
const INIT_BINARIES = [
  'bash',
  'mount',
  'umount',
  'modprobe',
  'setsid',
  'cp',
  'sync',
  'sleep',
  'stty',
];

/** Modules that the control channel needs; a kernel without them uses the second serial port. */
const CHANNEL_DRIVERS = ['virtio_pci', 'virtio_console'];

/** Modules for VIRTFS_SHARE_PATH. */
const SHARE_DRIVERS = ['9pnet_virtio', '9p'];

/**
 * Finds on this host everything that a cut needs, and plans the image.
 * @throws UserError that lists all that is missing, before anything is built
 */
export function resolveImage(request: ResolveRequest): ResolvedImage {
  const problems: Problem[] = [];
  const settings = declaredSettings(request, problems);
  const programs = resolvePrograms(request, problems);
  const modules = resolveModules(request, problems);
  const trees = resolveTrees(request, problems);
  const autorun = resolveAutorun(request, problems);
  const dracut = resolveDracut(request.conf, problems);
  if (request.cut.cut.network === true) {
    problems.push({ message: 'it wants a network, which this version of rapido cannot give a VM' });
  }
  refuse(request, problems);

  const { cut, conf, kernel, directories } = request;
  const resources = cut.cut.resources ?? {};
  const directory = cut.cut.directory;
  const plan: ImagePlan = {
    version: 1,
    output: request.output,
    image: {
      cut: cut.name,
      kernelRelease: kernel.release,
      cpus: resources.cpus,
      memory: resources.memory === undefined ? undefined : parseMemory(resources.memory),
      network: cut.cut.network ?? false,
      channel: modules.channel,
      sharesDirectory: modules.sharesDirectory,
    },
    links: readDirectoryLinks(),
    userspace: {
      ...dracut,
      modules: ['bash', ...(cut.cut.dracut?.modules ?? [])],
      install: programs.install,
      extraArguments: [...(cut.cut.dracut?.args ?? []), ...conf.get('DRACUT_EXTRA_ARGS')],
    },
    modules: modules.plan,
    trees: [
      ...trees,
      ...programs.copied.map((path) => ({ source: path, target: path, exclude: [] })),
    ],
    overlay: planOverlay({
      cut: cut.name,
      guestFiles: readGuestFiles(directories),
      loadModules: modules.load,
      autorun,
      directory: directory === undefined ? undefined : expandKeys(directory, conf),
      conf: settings,
      treeTargets: trees.map(({ target }) => target),
      contents: cut.cut.contents ?? {},
      programs: programs.outside,
      terminfo: readTerminfo(request.env.TERM),
    }),
  };
  return {
    plan,
    moduleTree: modules.tree,
    leftOut: [...programs.leftOut, ...modules.leftOut],
  };
}

interface Problem {
  message: string;
  /** The program that is missing, where installing one would help. */
  program?: string;
}

function refuse({ cut }: ResolveRequest, problems: readonly Problem[]): void {
  if (problems.length === 0) return;
  const programs = problems.map(({ program }) => program).filter((name) => name !== undefined);
  const install =
    programs.length === 0
      ? undefined
      : installCommand(detectDistribution(), programs, process.getuid?.() !== 0);
  throw new UserError(
    `${cut.name} cannot be cut: ${problems.length === 1 ? 'something is' : `${problems.length} things are`} missing`,
    {
      problems: problems.map(({ message }) => message),
      ...(install !== undefined && { hint: install }),
    },
  );
}

/** The conf keys that go into the image: those that the cut declares and that are set. */
function declaredSettings(
  { cut, conf }: ResolveRequest,
  problems: Problem[],
): Record<string, string> {
  const { needs = [], uses = [], defines = {} } = cut.cut.conf ?? {};
  const settings: Record<string, string> = {};
  for (const name of new Set([...needs, ...uses, ...Object.keys(defines)])) {
    const entry = conf.entry(name);
    if (entry === undefined) {
      problems.push({ message: `${cut.path}: conf: there is no key ${name}` });
    } else if (entry.text !== undefined) settings[name] = entry.text;
    else if (needs.includes(name)) {
      problems.push({ message: `${name} is not set in rapido.conf: ${entry.key.meaning}` });
    }
  }
  return settings;
}

interface ResolvedPrograms {
  /** Absolute paths for dracut to install. */
  install: string[];
  /** Absolute paths that dracut cannot take, copied by rapido. */
  copied: string[];
  /** Those outside the directories where a shell looks. */
  outside: string[];
  leftOut: string[];
}

const GUEST_PATH = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

function resolvePrograms(request: ResolveRequest, problems: Problem[]): ResolvedPrograms {
  const { cut, conf, extras, env, cwd } = request;
  const first = (cut.cut.searchPath ?? [])
    .map((directory) => tryExpandKeys(directory, conf))
    .filter((directory) => directory !== undefined);
  const searchPath = programSearchPath(env.PATH, first);
  const found = new Set<string>();
  const leftOut: string[] = [];
  const look = (name: string): string | undefined => {
    const path = findProgram(name, searchPath);
    if (path !== undefined) found.add(path);
    return path;
  };
  for (const name of new Set([...INIT_BINARIES, ...(cut.cut.binaries ?? [])])) {
    const expanded = expandKeys(name, conf);
    if (look(expanded) === undefined) {
      problems.push({ message: `no program ${expanded}`, program: basename(expanded) });
    }
  }
  for (const name of extras.install) {
    const path = name.includes('/') ? resolve(cwd, name) : name;
    if (look(path) !== undefined) continue;
    const exists = isFile(path) ? ' is not executable' : '';
    problems.push({ message: `--install: no program ${path}${exists}`, program: basename(name) });
  }
  for (const name of cut.cut.optionalBinaries ?? []) {
    const expanded = tryExpandKeys(name, conf);
    if (expanded === undefined || look(expanded) === undefined) leftOut.push(name);
  }
  const paths = [...found].sort();
  return {
    install: paths.filter(canDracutInstall),
    copied: paths.filter((path) => !canDracutInstall(path)),
    outside: paths.filter((path) => !GUEST_PATH.includes(join(path, '..'))),
    leftOut,
  };
}

interface ResolvedModules {
  tree: ModuleTree | undefined;
  plan: ImagePlan['modules'];
  /** What init loads. */
  load: string[];
  channel: ImagePlan['image']['channel'];
  sharesDirectory: boolean;
  leftOut: string[];
}

function resolveModules(request: ResolveRequest, problems: Problem[]): ResolvedModules {
  const { cut, conf, kernel, extras } = request;
  const tree =
    kernel.modules === undefined
      ? readBuiltinTree(kernel.buildTree ?? '/', kernel.release)
      : readModuleTree(kernel.modules);
  const available = (names: readonly string[]): string[] => selectAvailable(tree.index, names);
  const hasAll = (names: readonly string[]): boolean => available(names).length === names.length;

  const share = conf.get('VIRTFS_SHARE_PATH') !== undefined;
  if (share && !hasAll(SHARE_DRIVERS)) {
    problems.push({
      message: `VIRTFS_SHARE_PATH is set, but the kernel ${kernel.release} has no 9p over virtio (CONFIG_9P_FS, CONFIG_NET_9P_VIRTIO)`,
    });
  }
  const channel = hasAll(CHANNEL_DRIVERS) ? 'virtio' : 'serial';
  const wantsRandom = conf.get('QEMU_EXTRA_ARGS').some((word) => word.startsWith('virtio-rng'));
  const own = [
    ...(channel === 'virtio' ? CHANNEL_DRIVERS : []),
    ...(share ? ['virtio_pci', ...SHARE_DRIVERS] : []),
    ...(wantsRandom ? available(['virtio_rng']) : []),
  ];
  const optional = cut.cut.optionalDrivers ?? [];
  const wanted = [...(cut.cut.drivers ?? []), ...extras.drivers];
  const plan = planModules(tree, [...new Set([...own, ...wanted, ...available(optional)])]);
  for (const { name, suggestion } of plan.missing) {
    const meant = suggestion === undefined ? '' : `; did you mean ${suggestion}?`;
    problems.push({ message: `the kernel ${kernel.release} has no driver ${name}${meant}` });
  }
  return {
    tree: kernel.modules === undefined ? undefined : tree,
    plan: kernel.modules === undefined ? undefined : plan,
    load: [...new Set(own)].filter((name) => !plan.builtin.includes(name)),
    channel,
    sharesDirectory: share,
    leftOut: optional.filter((name) => !available([name]).includes(name)),
  };
}

function resolveTrees(request: ResolveRequest, problems: Problem[]): PlannedTree[] {
  const { cut, conf, extras, cwd } = request;
  const trees: PlannedTree[] = [];
  for (const tree of cut.cut.trees ?? []) {
    const source = tryExpandKeys(tree.source, conf);
    if (source === undefined) continue; // The unset key is reported as such.
    if (!isDirectory(source)) problems.push({ message: `${source} is not a directory` });
    const target = tree.target === undefined ? source : expandKeys(tree.target, conf);
    trees.push({ source, target, exclude: tree.exclude ?? [] });
  }
  for (const file of cut.cut.files ?? []) {
    const source = tryExpandKeys(file.source, conf);
    if (source === undefined || (file.optional && statIfReachable(source) === undefined)) continue;
    if (!isReadable(source)) problems.push({ message: `${source} ${whyUnreadable(source)}` });
    trees.push({ source, target: file.target ?? source, exclude: [] });
  }
  for (const include of extras.include) {
    const { source, target } = splitInclude(include, cwd);
    if (!isReadable(source)) {
      problems.push({ message: `--include: ${source} ${whyUnreadable(source)}` });
    }
    trees.push({ source, target, exclude: [] });
  }
  return trees;
}

function whyUnreadable(path: string): string {
  return statIfReachable(path) === undefined ? 'does not exist' : 'is not readable by this user';
}

/**
 * `SRC[:DST]`. DST is absolute, so a colon in SRC is one unless a slash follows it; a DST that ends
 * in a slash is the directory that gets SRC.
 */
export function splitInclude(text: string, cwd: string): { source: string; target: string } {
  const colon = text.lastIndexOf(':/');
  const source = resolve(cwd, colon > 0 ? text.slice(0, colon) : text);
  const target = colon > 0 ? text.slice(colon + 1) : source;
  return { source, target: target.endsWith('/') ? join(target, basename(source)) : target };
}

function resolveAutorun(request: ResolveRequest, problems: Problem[]): AutorunScript[] {
  const { cut, conf, extras, directories, cwd } = request;
  const scripts: AutorunScript[] = [];
  const attempt = (read: () => AutorunScript): void => {
    try {
      scripts.push(read());
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      problems.push({ message: [error.message, ...error.problems].join('; ') });
    }
  };
  for (const name of cut.cut.autorun ?? []) {
    attempt(() => readScript(findAutorunScript(expandKeys(name, conf), cut, directories)));
  }
  for (const [index, extra] of extras.commands.entries()) {
    if ('file' in extra) attempt(() => readScript(resolve(cwd, extra.file)));
    else scripts.push({ name: `command-${index + 1}`, content: Buffer.from(`${extra.command}\n`) });
  }
  return scripts;
}

function readScript(path: string): AutorunScript {
  try {
    return { name: basename(path), content: readFileSync(path) };
  } catch (cause) {
    throw new UserError(`${path}: cannot be read (${errorCode(cause)})`, { cause });
  }
}

function resolveDracut(conf: Conf, problems: Problem[]): { dracut: string; local: boolean } {
  const source = conf.get('DRACUT_SRC');
  if (source !== undefined) {
    const dracut = ['dracut.sh', 'dracut'].map((name) => join(source, name)).find(isFile);
    if (dracut === undefined) problems.push({ message: `DRACUT_SRC: no dracut.sh in ${source}` });
    return { dracut: dracut ?? '', local: true };
  }
  const dracut = findProgram('dracut', programSearchPath(process.env.PATH));
  if (dracut === undefined) {
    problems.push({ message: 'no program dracut, which builds the image', program: 'dracut' });
  }
  return { dracut: dracut ?? '', local: false };
}

function readGuestFiles({
  root,
}: Directories): Record<'init' | 'session' | 'power-off' | 'bashrc', Buffer> {
  const read = (name: string): Buffer => readFileSync(join(root, 'guest', name));
  return {
    init: read('init'),
    session: read('session'),
    'power-off': read('power-off'),
    bashrc: read('bashrc'),
  };
}

/** `${KEY}` by the value of that conf key. */
function expandKeys(text: string, conf: Conf): string {
  return tryExpandKeys(text, conf) ?? text;
}

/** @returns undefined when a key is not set */
function tryExpandKeys(text: string, conf: Conf): string | undefined {
  let complete = true;
  const expanded = text.replace(/\$\{(\w+)\}/g, (_, name: string) => {
    const value = conf.entry(name)?.text;
    if (value === undefined) complete = false;
    return value ?? '';
  });
  return complete ? expanded : undefined;
}

/** Bytes of a cut's `memory`: `512M`, `2G`. */
function parseMemory(text: string): number {
  return Number(text.slice(0, -1)) * (text.endsWith('G') ? 1024 ** 3 : 1024 ** 2);
}
