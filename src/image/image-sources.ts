import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readHostId } from '../host/host-id.ts';
import { type FileSignatures, findChangedFile, knownSignatures } from '../sys/file-signature.ts';
import { startListing } from './tree-listing.ts';
import type { PlannedTree } from './walked-tree.ts';

/** The host files from which an image was made, except modules, to find out later which of them changed. */
export interface ImageSources {
  /** Result of `readHostId`: on another host, changes cannot be detected. */
  host: string;
  /** The scripts that run in the guest: path to SHA-256, because each installation of rapido replaces the files. */
  scripts: Readonly<Record<string, string>>;
  /** Programs, and all files that dracut copied with them. */
  programs: FileSignatures;
  trees: {
    planned: readonly PlannedTree[];
    /** Digest from `startListing`; undefined if a file changed while it was read. */
    listing: string | undefined;
  };
}

/**
 * Lists what changed since the image was made, at most one item per kind of source. Another process lists the
 * trees meanwhile.
 */
export async function findChangedSources(sources: ImageSources): Promise<string[]> {
  const { host, scripts, programs, trees } = sources;
  if (host !== readHostId()) return [];
  const listing = trees.listing === undefined ? undefined : startListing(trees.planned).digest;
  const script = Object.entries(scripts).find(([path, digest]) => digestFile(path) !== digest)?.[0];
  const program = findChangedFile(knownSignatures(programs));
  const found = await listing;
  // A tree that cannot be listed may have been removed on purpose, such as a package unpacked for this cut.
  const isOther = found !== undefined && found !== trees.listing;
  return [
    ...(script === undefined ? [] : [script]),
    ...(program === undefined ? [] : [program]),
    ...(isOther ? [`files in ${trees.planned.map(({ source }) => source).join(' or ')}`] : []),
  ];
}

export function digestScript(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

function digestFile(path: string): string | undefined {
  try {
    return digestScript(readFileSync(path));
  } catch {
    return undefined; // It does not exist any more, or the user may not read it.
  }
}
