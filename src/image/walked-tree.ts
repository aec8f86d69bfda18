import { constants } from 'node:fs';
import type { CpioEntry } from '../formats/cpio/write.ts';
import { type DirectoryLinks, directoryMaker, resolveGuestPath } from './guest-path.ts';
import { type HostPath, type TreeFile, toHostPath, typeOf, walkTree } from './tree-walk.ts';

/** A host directory or file that is copied into the image. */
export interface PlannedTree {
  source: string;
  /** Guest path. */
  target: string;
  exclude: readonly string[];
}

/** The files of a tree. */
export interface WalkedTree {
  target: string;
  files: TreeFile[];
}

export function walkAll(trees: readonly PlannedTree[]): WalkedTree[] {
  return trees.map((tree) => ({
    target: tree.target,
    files: walkTree(tree.source, tree.exclude),
  }));
}

/** Archive members, each directory before its files. */
export function* treeEntries(
  trees: readonly WalkedTree[],
  links: DirectoryLinks,
): Generator<CpioEntry, void, undefined> {
  const makeDirectories = directoryMaker(links);
  for (const tree of trees) {
    const target = resolveGuestPath(tree.target, links);
    yield* makeDirectories(target);
    yield* entriesOf(tree, Buffer.from(target).toString('latin1'));
  }
}

function* entriesOf(tree: WalkedTree, target: string): Generator<CpioEntry, void, undefined> {
  const linked = groupHardLinks(tree.files);
  for (const file of tree.files) {
    const { stats } = file;
    const path = guestPathOf(target, file);
    const metadata = { path, mode: stats.mode, mtime: Math.floor(stats.mtimeMs / 1000) };
    const type = typeOf(stats);
    if (file.target !== undefined) yield { ...metadata, target: file.target };
    else if (type === constants.S_IFREG) {
      const group = linked.get(inodeOf(file));
      if (group !== undefined && group[0] !== file) continue; // Written with the first name.
      const hardLinks = (group ?? []).slice(1).map((other) => guestPathOf(target, other));
      yield { ...metadata, file: file.host, size: stats.size, ...(group && { hardLinks }) };
    } else if (type === constants.S_IFBLK || type === constants.S_IFCHR) {
      yield { ...metadata, rdev: splitDeviceNumber(stats.rdev) };
    } else yield metadata;
  }
}

function guestPathOf(target: string, file: TreeFile): HostPath {
  return toHostPath(file.name === '' ? target : `${target}/${file.name}`);
}

/** Files with several names in the tree, by inode. */
function groupHardLinks(files: readonly TreeFile[]): Map<string, TreeFile[]> {
  const groups = new Map<string, TreeFile[]>();
  for (const file of files) {
    if (file.stats.nlink < 2 || typeOf(file.stats) !== constants.S_IFREG) continue;
    const inode = inodeOf(file);
    const group = groups.get(inode);
    if (group === undefined) groups.set(inode, [file]);
    else group.push(file);
  }
  return groups;
}

function inodeOf(file: TreeFile): string {
  return `${file.stats.dev}:${file.stats.ino}`;
}

/** Linux's huge dev_t as stat(2) gives it, makedev(3). */
function splitDeviceNumber(device: number): { major: number; minor: number } {
  return {
    major: (device >>> 8) & 0xfff,
    minor: (device & 0xff) | ((device >>> 12) & 0xfff00),
  };
}
