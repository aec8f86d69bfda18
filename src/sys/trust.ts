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
import { lstatIfReachable, readTextIfReachable } from './stat.ts';

/*
 * Whose files decide what rapido does. As git does (safe.directory), rapido refuses files of other
 * users. As sshd does (StrictModes), it also refuses files that other users may write or replace: each
 * directory above a file counts, up to the home directory.
 */

/** Whose files are believed. */
export interface Trust {
  /** The caller, root, and the user behind sudo. */
  uids: ReadonlySet<number>;
  /**
   * Owner, as it is seen, of what belongs to users that our user namespace does not have: in a rootless
   * container root of the host is one. It may have the directories above a file.
   */
  unmapped?: number | undefined;
  /** Absolute, without links. Who owns the directories above it does not matter. */
  home: string | undefined;
  /** Directories that the caller vouches for, with all that is below them: RAPIDO_TRUST. */
  vouchedFor: readonly string[];
}

/** Why a file is not believed. */
export interface Stranger {
  /** The file itself, a link to it, or a directory above it. */
  path: string;
  /** `belongs to user alice (1001)` */
  why: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Absolute directories, separated by colons. */
const VARIABLE = 'RAPIDO_TRUST';

/** @param env of the caller; where root acts for the user behind sudo, with that user's HOME */
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

/** The initial one maps all uids to themselves: user_namespaces(7). */
function isInUserNamespace(): boolean {
  const map = readTextIfReachable('/proc/self/uid_map') ?? '';
  return !/^\s*0\s+0\s+4294967295\s*$/.test(map);
}

function readOverflowUid(): number {
  return Number(readTextIfReachable('/proc/sys/fs/overflowuid') ?? 65534);
}

/** A user without an entry in passwd(5) has none. */
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

/** What the caller can do about a stranger's file in that directory. */
export function hintForStranger(directory: string): string {
  const command = formatCommandLine(['export', `${VARIABLE}=${directory}`]);
  return `if you trust everybody who can write there: ${command}`;
}

export interface TrustOptions {
  /** Whether the path may lead to a sticky directory, in which others have files, too. */
  mayBeShared?: boolean;
}

/**
 * Who but the caller and root could have decided what is at a path; undefined: nobody, or there is
 * nothing. Symbolic links are followed, and count as well.
 * @param path absolute
 */
export function findStranger(
  path: string,
  trust: Trust,
  options: TrustOptions = {},
): Stranger | undefined {
  return walk(path, trust, options).stranger;
}

/**
 * Reads a file that nobody but the caller and root could have put there. What is checked is what is
 * read, whatever is renamed meanwhile.
 * @param path absolute
 * @throws what open(2) and read(2) refuse
 */
export function readTrusted(path: string, trust: Trust): Buffer | Stranger {
  // A pipe that nobody writes to must not stop us before it is known whose it is.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const stats = fstatSync(fd);
    // It has no path: a pipe, a device, or a file without a name, as bash makes for `<<`.
    const isPlain = stats.isDirectory() || (stats.isFile() && stats.nlink > 0);
    if (!isPlain) return readSpecial(path, stats, trust);
    const { stranger, end } = walk(path, trust, {});
    if (stranger !== undefined) return stranger;
    const isSame = end?.ino === stats.ino && end.dev === stats.dev;
    return isSame ? readFileSync(fd) : { path, why: 'was replaced while it was read' };
  } finally {
    closeSync(fd);
  }
}

/** `--conf <(…)`, `--conf /dev/null`: all that matters is whose it is. */
function readSpecial(path: string, stats: Stats, { uids }: Trust): Buffer | Stranger {
  if (uids.has(stats.uid)) return readFileSync(path);
  return { path, why: `belongs to ${describeUser(readAccounts(), stats.uid)}` };
}

interface Walk {
  stranger: Stranger | undefined;
  /** What is at the end of the path; undefined: nothing. */
  end: Stats | undefined;
}

/** Of several faults the last counts: the nearest to the file. */
function walk(path: string, trust: Trust, { mayBeShared = false }: TrustOptions): Walk {
  const accounts = lazily(readAccounts);
  let stranger: Stranger | undefined;
  let end: Stats | undefined;
  let linkOwner: number | undefined;
  for (const { path: current, stats, isLast } of stepsOf(path)) {
    if (isLast) end = stats;
    if (isBelow(current, trust.vouchedFor)) stranger = undefined;
    else {
      if (current === trust.home) stranger = undefined;
      const why =
        findFault({ stats, isLast }, trust, mayBeShared, accounts) ??
        findLoan(stats, linkOwner, accounts);
      if (why !== undefined) stranger = { path: current, why };
    }
    if (stats.isSymbolicLink()) linkOwner = stats.uid;
  }
  return { stranger, end };
}

function lazily<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function isBelow(path: string, directories: readonly string[]): boolean {
  return directories.some(
    (directory) => directory === '/' || path === directory || path.startsWith(`${directory}/`),
  );
}

/** Everybody's, and each file is its owner's: /tmp. */
const STICKY = 0o1000;

/** What lets others decide what is there. */
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
  if ((mode & 0o002) !== 0) return 'can be written by everybody';
  if ((mode & 0o020) === 0 || [...uids].some((own) => isPrivateGroup(accounts(), gid, own))) {
    return undefined;
  }
  return `can be written by ${describeGroup(accounts(), gid)}`;
}

/**
 * Under sudo, a user's link must lead to nothing that only root can read: complaints about a file show
 * lines of it.
 */
function findLoan(
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
  return `is where a link of ${describeUser(accounts(), linkOwner)} leads, who may not read it`;
}

interface Step {
  /** Absolute; links before its last part have been followed. */
  path: string;
  stats: Stats;
  /** What the path leads to. */
  isLast: boolean;
}

/** As the kernel has it: MAXSYMLINKS of include/linux/namei.h. */
const MOST_LINKS = 40;

/** Each directory and link on the way to what a path leads to; ends where there is nothing. */
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
      if (links > MOST_LINKS) return;
      const target = readlinkSync(next);
      if (isAbsolute(target)) current = '/';
      ahead.unshift(...partsOf(target));
    }
  }
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}
