import { realpathSync } from 'node:fs';
import { readTextIfReachable } from '../sys/stat.ts';

export interface Mount {
  /** Tells it from all others, as long as it is there. */
  id: string;
  directory: string;
  /** `8:16`; of a filesystem without a device, a number of its own. */
  device: string;
  /** `ext4`, `tmpfs` */
  type: string;
  /** A device's path, or whatever name the filesystem was mounted by. */
  source: string;
}

/** What is mounted, in the order of mounting: /proc/self/mountinfo, proc(5). */
export function findMounts(): Mount[] {
  const lines = (readTextIfReachable('/proc/self/mountinfo') ?? '').split('\n').filter(Boolean);
  return lines.map((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [id = '', , device = '', , directory = ''] = before.split(' ');
    const [type = '', source = ''] = after.split(' ');
    return { id, directory: unescapeOctal(directory), device, type, source: unescapeOctal(source) };
  });
}

/** What is mounted at a directory: the last of several, which is on top. */
export function findMountAt(directory: string): Mount | undefined {
  let path: string;
  try {
    path = realpathSync(directory);
  } catch {
    return undefined;
  }
  return findMounts().findLast((mount) => mount.directory === path);
}

/** A blank in a path is `\040` there. */
function unescapeOctal(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
