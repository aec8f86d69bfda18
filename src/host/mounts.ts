import { realpathSync } from 'node:fs';
import { readTextIfReachable } from '../sys/stat.ts';

export interface Mount {
  /** The mount ID, unique while it is mounted. */
  id: string;
  directory: string;
  /** `8:16`; for a filesystem without a device, an anonymous device number. */
  device: string;
  /** `ext4`, `tmpfs` */
  type: string;
  /** The path of a device, or another name with which the filesystem was mounted. */
  source: string;
}

/** All mounts in the order of mounting, from /proc/self/mountinfo, see proc(5). */
export function findMounts(): Mount[] {
  const lines = (readTextIfReachable('/proc/self/mountinfo') ?? '').split('\n').filter(Boolean);
  return lines.map((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [id = '', , device = '', , directory = ''] = before.split(' ');
    const [type = '', source = ''] = after.split(' ');
    return { id, directory: unescapeOctal(directory), device, type, source: unescapeOctal(source) };
  });
}

/** The topmost mount at a directory. */
export function findMountAt(directory: string): Mount | undefined {
  let path: string;
  try {
    path = realpathSync(directory);
  } catch {
    return undefined;
  }
  return findMounts().findLast((mount) => mount.directory === path);
}

/** Decodes octal escapes: a blank in a path is `\040` in mountinfo. */
function unescapeOctal(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
