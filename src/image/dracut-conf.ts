import { realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { listIfReachable } from '../sys/stat.ts';

interface DracutScript {
  /** Its path. */
  dracut: string;
  /** Whether it is run with `--local`. */
  local: boolean;
}

/**
 * Directories whose `*.conf` files dracut reads regardless of `--conf` and `--confdir`: that of the distribution and,
 * since dracut 108, one for the running system. With `--local`, the first is beside the script.
 */
function dracutConfDirectories({ dracut, local }: DracutScript) {
  const library = local ? dirname(realpathSync(dracut)) : '/usr/lib/dracut';
  return [join(library, 'dracut.conf.d'), '/run/initramfs/dracut.conf.d'];
}

/**
 * Keeps the host's dracut configuration out of images. Of files with the same name, dracut reads only the one in
 * `--confdir`, so this creates an empty file there for each (dropindirs_sort in dracut 059 to 112).
 * @param confDirectory an empty directory, passed to dracut as `--confdir`
 */
export function maskDracutConf(plan: DracutScript, confDirectory: string): void {
  const names = dracutConfDirectories(plan)
    .flatMap((directory) => listIfReachable(directory))
    .filter((name) => name.endsWith('.conf'));
  for (const name of new Set(names)) writeFileSync(join(confDirectory, name), '');
}
