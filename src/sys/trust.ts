import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  type Stats,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import {
  type Accounts,
  describeGroup,
  describeUser,
  isPrivateGroup,
  readAccounts,
} from './accounts.ts';
import { formatCommandLine } from './command-line.ts';
import { isInside } from './paths.ts';
import { lstatIfReachable, readTextIfReachable } from './stat.ts';

/*
 * Which files rapido trusts. Like git (safe.directory), rapido rejects files of other users. Like sshd
 * (StrictModes), it also rejects files that other users can write or replace: all directories above a file are
 * checked, up to the home directory.
 */

/** Which files are trusted. */
export interface Trust {
  /** The caller, root, and the user who called sudo. */
  uids: ReadonlySet<number>;
  /**
   * The UID shown for owners that are not mapped into our user namespace. In a rootless container, root of the host
   * is one of them. Directories above a file may belong to it.
   */
  unmapped?: number | undefined;
  /** Absolute, without links. The directories above it are not checked. */
  home: string | undefined;
  /** Directories that the caller trusts, with everything below them: RAPIDO_TRUST. */
  vouchedFor: readonly string[];
}

/** Why a file is not trusted. */
export interface Untrusted {
  /** The file itself, a link to it, or a directory above it. */
  path: string;
  /** `belongs to user alice (1001)` */
  why: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Absolute directories, separated by colons. */
const VARIABLE = 'RAPIDO_TRUST';

/** @param env environment of the caller; under sudo, with the HOME of the user who called it */
export function trustOf(env: Environment): Trust {
  const uid = process.geteuid?.() ?? 0;
  const behindSudo = /^\d+$/.test(env.SUDO_UID ?? '') ? [Number(env.SUDO_UID)] : [];
  return {
    uids: new Set([uid, 0, ...(uid === 0 ? behindSudo : [])]),
    unmapped: isInUserNamespace() ? readOverflowUid() : undefined,
    home: withoutLinks(env.HOME || homeOfUser()),
    vouchedFor: (env[VARIABLE] ?? '').split(':').flatMap((path) => withoutLinks(path) ?? []),
  };
}

/** The initial namespace maps all UIDs to themselves: user_namespaces(7). */
function isInUserNamespace(): boolean {
  const map = readTextIfReachable('/proc/self/uid_map') ?? '';
  return !/^\s*0\s+0\s+4294967295\s*$/.test(map);
}

function readOverflowUid(): number {
  return Number(readTextIfReachable('/proc/sys/fs/overflowuid') ?? 65534);
}

/** @returns undefined if the user has no entry in passwd(5) */
function homeOfUser(): string | undefined {
  try {
    return homedir();
  } catch {
    return undefined;
  }
}

function withoutLinks(path: string | undefined): string | undefined {
  try {
    return path !== undefined && isAbsolute(path) ? realpathSync(path) : undefined;
  } catch {
    return undefined;
  }
}

/** The hint for an untrusted file in that directory. */
export function hintForUntrusted(directory: string): string {
  const command = formatCommandLine(['export', `${VARIABLE}=${directory}`]);
  return `if you trust everyone who can write there: ${command}`;
}

export interface TrustOptions {
  /** Whether the path may be a sticky directory, in which other users have files. */
  mayBeShared?: boolean;
}

/**
 * Checks whether anyone but the caller and root can control what is at a path. Symbolic links are followed and
 * checked, too.
 * @param path absolute
 * @returns why the file is not trusted; undefined if it is trusted or does not exist
 */
export function findUntrusted(
  path: string,
  trust: Trust,
  options: TrustOptions = {},
): Untrusted | undefined {
  return walk(path, trust, options).untrusted;
}

/**
 * Reads a file if only the caller and root can control it. The check applies to the opened file, even if the path
 * is renamed in the meantime.
 * @param path absolute
 * @returns the content, or why the file is not trusted
 * @throws the system error of open(2) or read(2)
 */
export function readTrusted(path: string, trust: Trust): Buffer | Untrusted {
  // O_NONBLOCK: opening a pipe without a writer must not block before its owner is checked.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const stats = fstatSync(fd);
    // Otherwise it has no path: a pipe, a device, or an unlinked file, which bash creates for `<<`.
    const isPlain = stats.isDirectory() || (stats.isFile() && stats.nlink > 0);
    if (!isPlain) return readSpecial(path, stats, trust);
    const { untrusted, end } = walk(path, trust, {});
    if (untrusted !== undefined) return untrusted;
    const isSame = end?.ino === stats.ino && end.dev === stats.dev;
    return isSame ? readFileSync(fd) : { path, why: 'was replaced while it was read' };
  } finally {
    closeSync(fd);
  }
}

/** Reads a pipe or device (`--conf <(…)`, `--conf /dev/null`), for which only the owner is checked. */
function readSpecial(path: string, stats: Stats, { uids }: Trust): Buffer | Untrusted {
  if (uids.has(stats.uid)) return readFileSync(path);
  return { path, why: `belongs to ${describeUser(readAccounts(), stats.uid)}` };
}

interface Walk {
  untrusted: Untrusted | undefined;
  /** The file that the path leads to; undefined: there is none. */
  end: Stats | undefined;
}

/** Checks all steps of a path. Of several faults, the one nearest to the file is returned. */
function walk(path: string, trust: Trust, { mayBeShared = false }: TrustOptions): Walk {
  const accounts = lazily(readAccounts);
  let untrusted: Untrusted | undefined;
  let end: Stats | undefined;
  let linkOwner: number | undefined;
  for (const { path: current, stats, isLast } of stepsOf(path)) {
    if (isLast) end = stats;
    if (isBelow(current, trust.vouchedFor)) untrusted = undefined;
    else {
      if (current === trust.home) untrusted = undefined;
      const why =
        findFault({ stats, isLast }, trust, mayBeShared, accounts) ??
        findForbiddenTarget(stats, linkOwner, accounts);
      if (why !== undefined) untrusted = { path: current, why };
    }
    if (stats.isSymbolicLink()) linkOwner = stats.uid;
  }
  return { untrusted, end };
}

function lazily<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function isBelow(path: string, directories: readonly string[]): boolean {
  return directories.some((directory) => isInside(path, directory));
}

/** The sticky bit: all users can create files, but only owners can replace theirs, as in /tmp. */
const STICKY = 0o1000;

/** @returns why other users can control this step; undefined: they cannot */
function findFault(
  { stats, isLast }: Pick<Step, 'stats' | 'isLast'>,
  { uids, unmapped }: Trust,
  mayBeShared: boolean,
  accounts: () => Accounts,
): string | undefined {
  const { uid, gid, mode } = stats;
  const isOwned = uids.has(uid) || (!isLast && uid === unmapped);
  if (!isOwned) return `belongs to ${describeUser(accounts(), uid)}`;
  if (stats.isSymbolicLink()) return undefined;
  const isSticky = stats.isDirectory() && (mode & STICKY) !== 0;
  if (isSticky && (!isLast || mayBeShared)) return undefined;
  if ((mode & 0o002) !== 0) return 'is writable by everyone';
  if ((mode & 0o020) === 0 || [...uids].some((own) => isPrivateGroup(accounts(), gid, own))) {
    return undefined;
  }
  return `is writable by ${describeGroup(accounts(), gid)}`;
}

/**
 * Under sudo, a link of the user must not lead to a file that only root can read, because error messages quote
 * lines of the file.
 */
function findForbiddenTarget(
  stats: Stats,
  linkOwner: number | undefined,
  accounts: () => Accounts,
): string | undefined {
  const isRoot = process.geteuid?.() === 0;
  if (!isRoot || linkOwner === undefined || linkOwner === 0 || stats.isSymbolicLink()) {
    return undefined;
  }
  const everybody = stats.isDirectory() ? 0o001 : 0o004;
  if (stats.uid === linkOwner || (stats.mode & everybody) !== 0) return undefined;
  return `is the target of a link of ${describeUser(accounts(), linkOwner)}, who may not read it`;
}

interface Step {
  /** Absolute; links before its last part have been followed. */
  path: string;
  stats: Stats;
  /** Whether this is the file that the path leads to. */
  isLast: boolean;
}

/** MAXSYMLINKS of include/linux/namei.h. */
const MAX_LINKS = 40;

/** Yields each directory and link of a path, and the file that it leads to. Stops at a missing one. */
function* stepsOf(path: string): Generator<Step> {
  const ahead = partsOf(path);
  let current = '/';
  let links = 0;
  yield { path: current, stats: lstatSync(current), isLast: ahead.length === 0 };
  for (let part = ahead.shift(); part !== undefined; part = ahead.shift()) {
    const next = part === '..' ? dirname(current) : join(current, part);
    const stats = lstatIfReachable(next);
    if (stats === undefined) return;
    const isLink = stats.isSymbolicLink();
    yield { path: next, stats, isLast: ahead.length === 0 && !isLink };
    if (!isLink) current = next;
    else {
      links++;
      if (links > MAX_LINKS) return;
      const target = readlinkSync(next);
      if (isAbsolute(target)) current = '/';
      ahead.unshift(...partsOf(target));
    }
  }
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}
