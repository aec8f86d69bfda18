import { basename, join, resolve } from 'node:path';
import type { Conf } from '../conf/conf.ts';
import { parseShebang, SHEBANG_MAX } from '../formats/elf/elf.ts';
import type { HostRoot } from '../host/host-root.ts';
import { findProgram, programSearchPath, SYSTEM_DIRECTORIES } from '../host/programs.ts';
import { isInside } from '../sys/paths.ts';
import { isFile, readTextIfReachable } from '../sys/stat.ts';
import { expandKeys, hostPath, requireKeys } from './expand-keys.ts';
import type { AutorunScript } from './overlay.ts';
import { findProgramFiles } from './program-files.ts';
import type { ResolvedCommand } from './resolve-command.ts';
import type { ResolvedNetwork } from './resolve-network.ts';
import { dependsOnCheckout, type Problem, type ResolveRequest } from './resolve-request.ts';
import { requireSystemd } from './systemd.ts';
import { canDracutInstall } from './userspace-layer.ts';

/** Programs that guest/init and guest/session run. */
const INIT_BINARIES = [
  'bash',
  'cat',
  'dmesg',
  'mount',
  'umount',
  'modprobe',
  'setsid',
  'cp',
  'sync',
  'sleep',
  'stty',
];

export interface ResolvedPrograms {
  /** Absolute paths for dracut to install: programs, and files that they read. */
  install: string[];
  /** Absolute paths that dracut cannot take, copied by rapido. */
  copied: string[];
  /** Those outside the system directories, where the guest's PATH does not find them. */
  outside: string[];
  leftOut: string[];
}

/** The parts of an image that run programs. */
interface WhatRuns {
  autorun: readonly AutorunScript[];
  command: ResolvedCommand | undefined;
  network: ResolvedNetwork;
  /** What the guest has of this host. */
  root: HostRoot | undefined;
}

/** Finds the programs of a cut, and those that every image needs. */
export function resolvePrograms(
  request: ResolveRequest,
  { autorun: scripts, command, network, root }: WhatRuns,
  problems: Problem[],
): ResolvedPrograms {
  const { cut, conf, kernel, extras, env, cwd } = request;
  const first = (cut.cut.searchPath ?? [])
    .map((directory) => expandKeys(directory, conf))
    .flatMap((expansion) => (expansion.unset === undefined ? [expansion.text] : []));
  const searchPath = programSearchPath(env.PATH, first);
  const found = new Set<string>();
  const leftOut: string[] = [];
  /** Programs in directories of the host that the guest mounts need not be in the image, except those of init. */
  const isMounted = (path: string): boolean =>
    root?.directories.some((directory) => isInside(path, directory)) === true;
  const look = (name: string): string | undefined => {
    const path = findProgram(name, searchPath);
    if (path !== undefined && (INIT_BINARIES.includes(name) || !isMounted(path))) found.add(path);
    return path;
  };
  /** A program of the cut may be a path relative to the cut, or in the user's home. */
  const lookForOwn = (name: string): string | undefined =>
    look(/^(\.{1,2}|~)\//.test(name) ? hostPath(name, cut, conf) : name);
  for (const name of new Set([
    ...INIT_BINARIES,
    ...network.binaries,
    ...(cut.cut.binaries ?? []),
  ])) {
    const expanded = requireKeys(name, 'binaries', conf, problems);
    if (expanded !== undefined && lookForOwn(expanded) === undefined) {
      problems.push({
        message: `${expanded} not found on this host`,
        program: basename(expanded),
      });
    }
  }
  if (cut.cut.init === 'systemd') requireSystemd('init', problems);
  else if (network.netConf.size > 0) requireSystemd('VM_NET_CONF', problems);
  // If it does not exist, the guest reports that, as a shell does.
  if (command?.program !== undefined) look(command.program);
  const allScripts = command?.script === undefined ? scripts : [...scripts, command.script];
  for (const { script, program } of interpretersOf(allScripts, problems)) {
    if (look(program) === undefined) {
      problems.push({
        message: `${script}: interpreter ${program} not found on this host`,
        program: basename(program),
      });
    }
  }
  for (const name of extras.install) {
    const path = name.includes('/') ? resolve(cwd, name) : name;
    if (look(path) !== undefined) continue;
    const dependsOn = name.includes('/') ? dependsOnCheckout(path, request) : undefined;
    problems.push(
      isFile(path)
        ? { message: `--install: ${path} is not executable`, dependsOn }
        : {
            message: `--install: ${path} not found on this host`,
            program: basename(name),
            dependsOn,
          },
    );
  }
  const { optionalBinaries = [], kernelBinaries = {} } = cut.cut;
  const { used, useless } = splitByKernel(kernelBinaries, kernel.config);
  leftOut.push(...useless);
  for (const name of [...optionalBinaries, ...used]) {
    const expansion = expandKeys(name, conf);
    if (expansion.unset !== undefined || lookForOwn(expansion.text) === undefined)
      leftOut.push(name);
  }
  const paths = [...found].sort();
  const made = Object.keys(cut.cut.contents ?? {});
  const files = findProgramFiles(paths).filter((file) => !made.includes(file));
  return {
    install: [...paths, ...files].filter(canDracutInstall),
    copied: paths.filter((path) => !canDracutInstall(path)),
    outside: paths.filter((path) => !SYSTEM_DIRECTORIES.includes(join(path, '..'))),
    leftOut,
  };
}

/**
 * Splits programs by whether the configuration of the kernel supports them.
 * @param binaries programs by the kernel option that they need
 * @param config path of the kernel's configuration
 */
function splitByKernel(
  binaries: Readonly<Record<string, readonly string[]>>,
  config: string | undefined,
): { used: string[]; useless: string[] } {
  const options = Object.keys(binaries);
  // The file has ten thousand lines, so it is read only if needed.
  const text =
    options.length === 0 || config === undefined ? undefined : readTextIfReachable(config);
  const isOn = (option: string): boolean =>
    text === undefined || new RegExp(`^${option}=[ym]$`, 'm').test(text);
  return {
    used: options.filter(isOn).flatMap((option) => binaries[option] ?? []),
    useless: options.filter((option) => !isOn(option)).flatMap((option) => binaries[option] ?? []),
  };
}

/** The interpreters in the first lines of the scripts, including `env` and the program that it starts. */
function interpretersOf(
  scripts: readonly AutorunScript[],
  problems: Problem[],
): { script: string; program: string }[] {
  return scripts.flatMap(({ name, content }) => {
    const head = content.subarray(0, SHEBANG_MAX);
    const shebang = parseShebang(head);
    if (shebang === undefined) return [];
    if (head.toString('latin1').split('\n', 1)[0]?.endsWith('\r')) {
      problems.push({
        message: `${name}: the first line ends in a carriage return (DOS line endings)`,
      });
      return [];
    }
    const programs = new Set([shebang.interpreter, shebang.program]);
    return [...programs].map((program) => ({ script: name, program }));
  });
}

/** Finds dracut: the one in DRACUT_SRC, or the installed one. */
export function resolveDracut(conf: Conf, problems: Problem[]): { dracut: string; local: boolean } {
  const source = conf.get('DRACUT_SRC');
  if (source !== undefined) {
    const dracut = ['dracut.sh', 'dracut'].map((name) => join(source, name)).find(isFile);
    if (dracut === undefined) problems.push({ message: `DRACUT_SRC: no dracut.sh in ${source}` });
    return { dracut: dracut ?? '', local: true };
  }
  const dracut = findProgram('dracut', programSearchPath(process.env.PATH));
  if (dracut === undefined) {
    problems.push({
      message: 'dracut, which builds the image, not found on this host',
      program: 'dracut',
    });
  }
  return { dracut: dracut ?? '', local: false };
}
