import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readHostId } from '../host/host-id.ts';
import { type FileSignatures, findChangedFile, knownSignatures } from '../sys/file-signature.ts';
import { startListing } from './tree-listing.ts';
import type { PlannedTree } from './walked-tree.ts';

/** What of the host an image was made of, beside its modules: to tell later whether that is still so. */
export interface ImageSources {
  /** Of `readHostId`: elsewhere, nothing can be told. */
  host: string;
  /** The scripts that run in the guest: path to SHA-256. They are few, and installed anew with each version. */
  scripts: Readonly<Record<string, string>>;
  /** Programs, and all that dracut copied with them. */
  programs: FileSignatures;
  trees: {
    planned: readonly PlannedTree[];
    /** Of `startListing`; undefined: a file changed while it was read. */
    listing: string | undefined;
  };
}

/**
 * What changed since the image was made, each in a few words: at most one of each kind.
 * Trees are looked through meanwhile, by another process.
 */
export async function findChangedSources(sources: ImageSources): Promise<string[]> {
  const { host, scripts, programs, trees } = sources;
  if (host !== readHostId()) return [];
  const listing = trees.listing === undefined ? undefined : startListing(trees.planned).digest;
  const script = Object.entries(scripts).find(([path, digest]) => digestFile(path) !== digest)?.[0];
  const program = findChangedFile(knownSignatures(programs));
  const found = await listing;
  // What cannot be looked through may be gone on purpose: a package that was unpacked for this cut.
  const isOther = found !== undefined && found !== trees.listing;
  return [
    ...(script === undefined ? [] : [script]),
    ...(program === undefined ? [] : [program]),
    ...(isOther ? [`what is in ${trees.planned.map(({ source }) => source).join(' or ')}`] : []),
  ];
}

export function digestScript(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

function digestFile(path: string): string | undefined {
  try {
    return digestScript(readFileSync(path));
  } catch {
    return undefined; // It is gone, or not ours to read.
  }
}
