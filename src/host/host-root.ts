import { accessSync, constants, readdirSync, readlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { UsageError } from '../errors.ts';
import { isInside } from '../sys/paths.ts';
import { listIfReachable, lstatIfReachable } from '../sys/stat.ts';

/** What is in the root directory of this host. */
export interface RootEntry {
  name: string;
  /** `closed`: a directory that this user cannot list. */
  kind: 'directory' | 'empty' | 'closed' | 'link';
  /** Of a link. */
  target?: string;
}

/** What a guest has of this host, at the same paths. */
export interface HostRoot {
  /** Directories that it mounts: those of the root, and the working directory if it is in none of them. */
  directories: string[];
  /** Links in the root directory: name to target. */
  links: Readonly<Record<string, string>>;
  /** Directories that exist in the guest, but are empty. */
  empty: string[];
  /** The working directory. */
  directory: string;
  /** Whether the guest has the files of the working directory. */
  hasDirectory: boolean;
}

export interface HostRootRequest {
  entries: readonly RootEntry[];
  /** The value of HOST_LEAVE_OUT. */
  leftOut: readonly string[];
  /** The working directory. */
  cwd: string;
  /** The nearest directory above, or the working directory itself, that contains `.git`. */
  repository: string | undefined;
  /** The home directory of the user. */
  home: string;
}

/** Directories that every guest has itself, and files of a system that has crashed. */
const GUESTS_OWN = ['dev', 'host', 'lost+found', 'proc', 'rapido', 'run', 'sys', 'tmp'];

/** Links to the kernel of the host, which the guest does not run. */
const KERNEL_LINKS = /^(vmlinuz|initrd)/;

/**
 * Decides which directories of this host a guest has. Pure.
 * @throws UsageError if `leftOut` names something that is not in the root directory
 */
export function planHostRoot(request: HostRootRequest): HostRoot {
  const { entries, leftOut, cwd } = request;
  for (const path of leftOut) refuseDeep(path);
  const left = [...GUESTS_OWN, ...leftOut.map((path) => basename(path))];
  const own = entries.filter(({ name }) => !left.includes(name));
  const shared = own.filter(({ kind }) => kind === 'directory').map(({ name }) => `/${name}`);
  const isShared = shared.some((path) => isInside(cwd, path));
  const work = isShared ? undefined : workDirectory(request);
  const hasDirectory = isShared || work !== undefined || cwd === '/';
  return {
    directories: [...shared, ...(work === undefined ? [] : [work])],
    links: Object.fromEntries(
      own.flatMap(({ name, target }) =>
        target === undefined || KERNEL_LINKS.test(name) ? [] : [[name, target]],
      ),
    ),
    empty: [
      ...own.filter(({ kind }) => kind === 'empty').map(({ name }) => `/${name}`),
      ...(hasDirectory ? [] : [cwd]),
    ],
    directory: cwd,
    hasDirectory,
  };
}

function refuseDeep(path: string): void {
  if (/^\/[^/]+\/?$/.test(path)) return;
  throw new UsageError(`HOST_LEAVE_OUT: ${path} is not a directory of the root directory`, {
    hint: `a VM has directories of / or not: leave out /${path.split('/')[1] || 'srv'}, for example`,
  });
}

/**
 * The directory that the guest gets if its working directory is in none that it has: the repository, or the working
 * directory itself. Never a home directory, or one above it: keys and passwords are there.
 */
function workDirectory({ cwd, repository, home }: HostRootRequest): string | undefined {
  return [repository, cwd].find(
    (path) => path !== undefined && path.split('/').length > 2 && !isInside(home, path),
  );
}

/** @param leftOut the value of HOST_LEAVE_OUT @throws UsageError */
export function findHostRoot(
  leftOut: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string | undefined>>,
): HostRoot {
  const repository = findRepository(cwd);
  const home = env.HOME || homedir();
  return planHostRoot({ entries: readRoot(), leftOut, cwd, repository, home });
}

function readRoot(): RootEntry[] {
  return readdirSync('/', { withFileTypes: true }).flatMap((entry): RootEntry[] => {
    const { name } = entry;
    if (GUESTS_OWN.includes(name)) return [];
    if (entry.isSymbolicLink()) return [{ name, kind: 'link', target: readlinkSync(`/${name}`) }];
    return entry.isDirectory() ? [{ name, kind: kindOf(`/${name}`) }] : [];
  });
}

function kindOf(directory: string): RootEntry['kind'] {
  try {
    accessSync(directory, constants.R_OK | constants.X_OK);
  } catch {
    return 'closed';
  }
  return listIfReachable(directory).length === 0 ? 'empty' : 'directory';
}

function findRepository(cwd: string): string | undefined {
  for (let path = cwd; ; path = dirname(path)) {
    if (lstatIfReachable(join(path, '.git')) !== undefined) return path;
    if (path === '/') return undefined;
  }
}
