import { resolve } from 'node:path';
import { UsageError } from '../errors.ts';

/** A directory of the host that a VM offers over 9p. */
export interface SharedDirectory {
  /** Mount tag. */
  tag: string;
  path: string;
  readonly: boolean;
  /** Where init mounts it (`--share`); undefined: the image says where. */
  target?: string;
}

/** A directory of the host that a VM mounts, as the user specified it. */
export interface ShareRequest {
  /** Absolute path on the host. */
  source: string;
  /** Absolute path in the guest. */
  target: string;
  readonly: boolean;
}

const HINT = 'SRC, SRC:/DST or SRC:/DST,rw: --share ~/data --share ./out:/out,rw';

/** Directories that a guest needs as they are. */
const GUESTS_OWN = /^\/(?:(?:dev|proc|rapido|sys)(?:\/.*)?)?$/;

/**
 * Parses the values of `--share`: `SRC[:DST][,rw]`. DST is absolute, so a colon without a following slash is part of
 * SRC; by default, it is the path of SRC.
 * @param base the directory that relative paths start from
 * @throws UsageError
 */
export function parseShares(texts: readonly string[], base: string): ShareRequest[] {
  const shares = texts.map((text) => parseShare(text, base));
  for (const [index, { target }] of shares.entries()) {
    if (shares.findIndex((share) => share.target === target) === index) continue;
    throw new UsageError(`--share: two directories are mounted at ${target}`, { hint: HINT });
  }
  return shares;
}

function parseShare(text: string, base: string): ShareRequest {
  const [, where = '', mode] = /^(.*?)(?:,(ro|rw))?$/s.exec(text) ?? [];
  const colon = where.lastIndexOf(':/');
  const source = colon > 0 ? where.slice(0, colon) : where;
  if (source === '') throw new UsageError(`--share: "${text}" names no directory`, { hint: HINT });
  const target = resolve(base, colon > 0 ? where.slice(colon + 1) : source);
  if (GUESTS_OWN.test(target)) {
    throw new UsageError(`--share: ${source} cannot be mounted at ${target}`, {
      hint: `name another directory of the guest: --share ${source}:/mnt/share`,
    });
  }
  return { source: resolve(base, source), target, readonly: mode !== 'rw' };
}

/** What a VM offers over 9p for them. */
export function planShares(shares: readonly ShareRequest[]): SharedDirectory[] {
  return shares.map(({ source, target, readonly }, index) => ({
    tag: `share${index}`,
    path: source,
    readonly,
    target,
  }));
}

/**
 * The kernel parameter with which init mounts them: `ro:/data,rw:/out%20put`. Bytes that end a word, or that have a
 * meaning for the kernel or the shell, are written in hexadecimal.
 * @returns undefined without any
 */
export function sharesParameter(directories: readonly SharedDirectory[]): string | undefined {
  const words = directories.flatMap(({ target, readonly }) =>
    target === undefined ? [] : [`${readonly ? 'ro' : 'rw'}:${escapeBytes(target)}`],
  );
  return words.length === 0 ? undefined : words.join(',');
}

function escapeBytes(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[\w./+-]/.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`;
    })
    .join('');
}

/** `/home/me/out at /out, read-write` */
export function describeShare({ path, target, readonly }: SharedDirectory): string {
  const where = target === path ? '' : ` at ${target}`;
  return `${path}${where}, ${readonly ? 'read-only' : 'read-write'}`;
}
