import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../errors.ts';
import { unpackedSize } from '../formats/cpio/format.ts';
import { readCpio } from '../formats/cpio/read.ts';
import {
  type FileSignatures,
  findChangedFile,
  signatureOf,
  signFiles,
} from '../sys/file-signature.ts';
import { makePrivateDirectory } from '../sys/private-directory.ts';
import { listIfReachable, lstatIfReachable, statIfReachable } from '../sys/stat.ts';
import { maskDracutConf } from './dracut-conf.ts';
import { dracutStep } from './dracut-progress.ts';
import { type DirectoryLinks, resolveGuestPath } from './guest-path.ts';
import type { LayerRecipe, MadeLayer } from './layer-cache.ts';
import { walkTree } from './tree-walk.ts';

/** What dracut is to build. */
export interface PlannedUserspace {
  /** Path of the dracut script. */
  dracut: string;
  /** Whether it is in a source tree (DRACUT_SRC) and run with `--local`. */
  local: boolean;
  /** dracut modules. */
  modules: readonly string[];
  /** Host paths of files that the modules must install. */
  brought: readonly string[];
  /** Absolute host paths of files to copy. dracut adds their libraries. */
  install: readonly string[];
  /** Arguments of the cut and of DRACUT_EXTRA_ARGS, as they are. */
  extraArguments: readonly string[];
  /** Its whole environment. */
  environment: Readonly<Record<string, string>>;
}

/** The record of a userspace layer. */
export interface UserspaceRecord {
  /** Every host file that was copied, or that determined what is copied. */
  files: FileSignatures;
  /** Digest of the files that the extra arguments name: a directory to include, a conf file. */
  extras: string;
  /** Files in /etc that dracut provides. The overlay does not replace them. */
  provided: string[];
}

export interface DracutWorkspace {
  /** An existing directory for dracut's temporary files. */
  temporary: string;
  /**
   * A directory that contains only the files that mask the host's dracut.conf.d. Relative to the directory in which
   * dracut runs, because dracut splits names of conf files at blanks.
   */
  confDirectory: string;
  /** The directory in which dracut logs which host files it copied. */
  log: string;
  /** The image to write. */
  output: string;
}

/** Linux limits a single argument to 128 KiB (MAX_ARG_STRLEN). */
const INSTALL_ARGUMENT_BYTES = 64 * 1024;

/**
 * The dracut command line, program first. The archive contains no kernel, no host configuration and nothing that
 * only a real boot needs. Stripping and hard-linking would only cost time.
 */
export function dracutCommandLine(
  plan: PlannedUserspace,
  workspace: DracutWorkspace,
): [string, ...string[]] {
  // biome-ignore format: an option and its value share a line
  return [
    plan.dracut,
    ...(plan.local ? ['--local'] : []),
    '--force', '--no-kernel', '--no-hostonly', '--no-hostonly-cmdline',
    '--no-compress', '--no-early-microcode', '--nostrip', '--nohardlink',
    '--conf', '/dev/null', '--confdir', workspace.confDirectory,
    '--tmpdir', workspace.temporary, '--loginstall', workspace.log,
    // dracut 112 prints its steps only with this option.
    '--stdlog', '4',
    '--modules', plan.modules.join(' '),
    ...joinUpTo(plan.install, INSTALL_ARGUMENT_BYTES).flatMap((paths) => ['--install', paths]),
    ...plan.extraArguments,
    workspace.output,
  ];
}

/** Joins words with spaces into as few strings as the limit allows. */
export function joinUpTo(words: readonly string[], limit: number): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > limit) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

/** dracut splits the argument of --install at white space, and expands patterns in it. */
export function canDracutInstall(path: string): boolean {
  return /^[\w@%+=:,./-]+$/.test(path);
}

/** Increment this when the layer or record of the same plan changes. */
const REVISION = 3;

export function userspaceLayer(
  plan: PlannedUserspace,
  links: DirectoryLinks,
  staging: string,
  listener: DracutListener,
): LayerRecipe<UserspaceRecord> {
  return {
    kind: 'userspace',
    ingredients: { revision: REVISION, plan, links },
    findChange: ({ record }) => {
      const changed = findChangedFile(record.files);
      if (changed !== undefined) return `${changed} changed`;
      const same = digestNamedPaths(plan.extraArguments) === record.extras;
      return same ? undefined : 'files in the extra arguments of dracut changed';
    },
    make: async (path) => {
      const startedMs = Date.now();
      const workspace = makeWorkspace(staging, path);
      try {
        maskDracutConf(plan, join(staging, workspace.confDirectory));
        const log = await runDracut(plan, workspace, staging, listener);
        return inspectUserspace({ plan, links, workspace, log, startedMs });
      } finally {
        rmSync(dirname(workspace.log), { recursive: true, force: true });
      }
    },
  };
}

function makeWorkspace(staging: string, output: string): DracutWorkspace {
  const workspace = {
    temporary: join(staging, 'tmp'),
    confDirectory: 'conf',
    log: join(staging, 'log'),
    output,
  };
  for (const name of ['tmp', 'conf', 'log']) makePrivateDirectory(join(staging, name));
  return workspace;
}

/** Callbacks for dracut's progress: its steps as text for the user, and its own output. */
export interface DracutListener {
  onProgress: (step: string) => void;
  onDracutLine?: ((line: string) => void) | undefined;
}

async function runDracut(
  plan: PlannedUserspace,
  workspace: DracutWorkspace,
  cwd: string,
  { onProgress, onDracutLine }: DracutListener,
): Promise<string> {
  const { runTool } = await import('../sys/exec.ts');
  let isDiskFull = false;
  try {
    return await runTool(dracutCommandLine(plan, workspace), {
      environment: 'none',
      env: plan.environment,
      // The result must not depend on the user's umask or current directory.
      umask: 0o022,
      cwd,
      purpose: 'building the userspace layer',
      installHint: 'run `rapido doctor` to see what is missing',
      onLine: (line) => {
        onDracutLine?.(line);
        // Many other errors follow from this one in dracut's output.
        if (/No space left on device|Disk quota exceeded/.test(line)) isDiskFull = true;
        const step = dracutStep(line);
        if (step !== undefined) onProgress(`dracut: ${step}`);
      },
    });
  } catch (cause) {
    if (!isDiskFull) throw cause;
    throw Object.assign(new Error('dracut ran out of disk space', { cause }), { code: 'ENOSPC' });
  }
}

interface Inspection {
  plan: PlannedUserspace;
  links: DirectoryLinks;
  workspace: DracutWorkspace;
  /** dracut's output. */
  log: string;
  startedMs: number;
}

/**
 * Reads the archive that dracut made. dracut exits with 0 even if it could not find a file, so this checks that
 * every requested file exists. It records which files were copied, to find out later whether they changed.
 */
function inspectUserspace(inspection: Inspection): MadeLayer<UserspaceRecord> {
  const { plan, links, workspace } = inspection;
  const members = readMembers(workspace.output, plan);
  const paths = new Set(members.map(({ path }) => path));
  const isThere = (path: string): boolean => paths.has(resolveGuestPath(path, links));
  // dracut copies a link to a directory as a link, and installs the file in the target of the link.
  const absent = [...plan.install, ...plan.brought].filter(
    (path) => !isThere(path) && !isThere(realDirectory(path)),
  );
  if (absent.length > 0) {
    throw new UserError('dracut did not install all requested files', {
      problems: [...absent, ...errorLinesOf(inspection.log)],
      hint: 'run with --debug to see the output of dracut',
    });
  }
  const sources = new Set([
    ...members.filter(({ copied }) => copied).map(({ path }) => `/${path}`),
    ...readInstallLog(workspace.log),
    ...dracutOwnFiles(plan, paths),
  ]);
  const existing = [...sources].filter((path) => lstatIfReachable(path) !== undefined);
  const watched = new Set([...existing, ...plan.install, '/etc/ld.so.cache']);
  const record = {
    files: signFiles([...watched].sort(), inspection.startedMs),
    extras: digestNamedPaths(plan.extraArguments),
    provided: [...paths].filter((path) => /^etc\/[^/]+$/.test(path)).sort(),
  };
  return { record, unpacked: members.reduce((sum, { size }) => sum + unpackedSize(size), 0) };
}

/** The path of a file with links in its directory resolved, but not the file itself. */
function realDirectory(path: string): string {
  return join(realpathSync(dirname(path)), basename(path));
}

/** Digest of all files below the absolute paths among arguments. */
function digestNamedPaths(args: readonly string[]): string {
  const hash = createHash('sha256');
  for (const path of args.filter((arg) => arg.startsWith('/'))) {
    if (statIfReachable(path) === undefined) continue;
    for (const { name, stats } of walkTree(path, []))
      hash.update(`${name}\0${signatureOf(stats)}\0`);
  }
  return hash.digest('hex');
}

interface UserspaceMember {
  path: string;
  /** A file or link, so probably copied from the host. */
  copied: boolean;
  size: number;
}

function readMembers(image: string, plan: PlannedUserspace): UserspaceMember[] {
  const fd = openSync(image, 'r');
  try {
    return Array.from(readCpio(fd, { inputName: 'the archive that dracut made' }), (member) => {
      const type = member.mode & constants.S_IFMT;
      return {
        path: member.path.toString(),
        copied: type === constants.S_IFREG || type === constants.S_IFLNK,
        size: member.size,
      };
    });
  } catch (cause) {
    if (!(cause instanceof UserError) || plan.extraArguments.length === 0) throw cause;
    throw new UserError(cause.message, {
      hint: `the image must not be compressed; dracut got these extra arguments: ${plan.extraArguments.join(' ')}`,
      cause,
    });
  } finally {
    closeSync(fd);
  }
}

function errorLinesOf(log: string): string[] {
  return log.split('\n').filter((line) => /ERROR|FAILED|[Cc]annot|not found/.test(line));
}

/** Each file in the log directory lists host paths, one per line. */
function readInstallLog(directory: string): string[] {
  return readdirSync(directory)
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').split('\n'))
    .filter((path) => path.startsWith('/') && lstatIfReachable(path)?.isDirectory() === false);
}

/** The directory that contains dracut's functions and modules.d. */
export function dracutLibrary({
  dracut,
  local,
}: Pick<PlannedUserspace, 'dracut' | 'local'>): string {
  return local ? dirname(dracut) : '/usr/lib/dracut';
}

/** The scripts of dracut and of its modules. Another version of dracut makes another image. */
function dracutOwnFiles(plan: PlannedUserspace, paths: ReadonlySet<string>): string[] {
  const library = dracutLibrary(plan);
  // A module may depend on any other.
  const moduleDirectories = listIfReachable(join(library, 'modules.d')).map((name) =>
    join(library, 'modules.d', name),
  );
  return [
    plan.dracut,
    ...[library, ...moduleDirectories]
      .flatMap((directory) => listIfReachable(directory).map((name) => join(directory, name)))
      .filter((path) => lstatIfReachable(path)?.isFile() === true && !paths.has(path.slice(1))),
  ];
}
