import { closeSync, constants, openSync, readSync, type Stats } from 'node:fs';
import { errorCode } from '../errors.ts';
import { listIfReachable, readTextIfReachable, statIfReachable } from '../sys/stat.ts';
import { findMounts } from './mounts.ts';

/** An existing file or block device that is used as a disk of a VM. */
export interface DiskFile {
  /** An identity that does not depend on the path: `8:16` for a block device, `file 2049:1234` (device:inode). */
  identity: string;
  isBlockDevice: boolean;
  /** Its first bytes. */
  head: Buffer;
}

/**
 * Checks a file that is to be a disk of a VM, without changing it.
 *
 * It is opened in the same mode as by QEMU. A block device is opened with O_EXCL. Linux then rejects a device
 * that the host uses (mounted, swap, a part of LVM or RAID), or of which it uses a partition.
 * @param headBytes number of bytes to read from its start
 * @returns the reason, as text, if it cannot be used
 */
export function probeDiskFile(
  path: string,
  { readonly, headBytes }: { readonly: boolean; headBytes: number },
): DiskFile | string {
  const stats = statIfReachable(path);
  if (stats === undefined) return 'it does not exist';
  const isBlockDevice = stats.isBlockDevice();
  if (stats.isDirectory()) return 'it is a directory, not a disk';
  if (!isBlockDevice && !stats.isFile()) return 'it is neither a file nor a block device';
  if (stats.isFile() && stats.size === 0) {
    return 'it is empty: a disk needs a size (truncate -s 10G FILE)';
  }
  const loop = isBlockDevice ? undefined : findLoopDevice(stats);
  if (loop !== undefined) return `this host uses it as ${loop}: losetup --detach ${loop}`;
  const mode = readonly ? constants.O_RDONLY : constants.O_RDWR;
  let fd: number;
  try {
    fd = openSync(path, mode | (isBlockDevice ? constants.O_EXCL : 0));
  } catch (error) {
    return explainRefusal(errorCode(error), stats, readonly);
  }
  try {
    const head = Buffer.alloc(headBytes);
    const length = readSync(fd, head, 0, headBytes, 0);
    const identity = isBlockDevice
      ? deviceNumber(stats.rdev)
      : `file ${deviceNumber(stats.dev)}:${stats.ino}`;
    return { identity, isBlockDevice, head: head.subarray(0, length) };
  } catch (error) {
    return `it cannot be read (${errorCode(error)})`;
  } finally {
    closeSync(fd);
  }
}

function explainRefusal(code: string | undefined, stats: Stats, readonly: boolean): string {
  const what = readonly ? 'read' : 'written';
  const remedy = readonly ? '' : ', or add readonly';
  switch (code) {
    case 'EBUSY': {
      const where = findMounts().find(
        ({ device }) => device === deviceNumber(stats.rdev),
      )?.directory;
      return where === undefined
        ? 'this host uses it, or a part of it (swap, LVM, RAID, a mounted partition): lsblk shows how'
        : `it is mounted on this host at ${where}: umount ${where}`;
    }
    case 'EACCES':
    case 'EPERM':
      return stats.isBlockDevice()
        ? `it cannot be ${what} by this user: join the group of the device (ls -l), or ask root${remedy}`
        : `it cannot be ${what} by this user: chmod${remedy}`;
    case 'EROFS':
      return `it is on a filesystem that is read-only${remedy}`;
    default:
      return `it cannot be ${what} (${code})${remedy}`;
  }
}

/** Formats a device number as in /proc and /sys, `8:16`. The encoding is that of gnu_dev_major(3). */
function deviceNumber(device: number): string {
  const wide = BigInt(device);
  const major = ((wide >> 8n) & 0xfffn) | ((wide >> 32n) & ~0xfffn);
  const minor = (wide & 0xffn) | ((wide >> 12n) & ~0xffn & 0xffffffffn);
  return `${major}:${minor}`;
}

/** The loop device through which the host uses a file. */
function findLoopDevice(file: Stats): string | undefined {
  return listIfReachable('/sys/block')
    .filter((name) => name.startsWith('loop'))
    .find((name) => {
      const backing = readTextIfReachable(`/sys/block/${name}/loop/backing_file`)?.trimEnd();
      const stats = backing === undefined ? undefined : statIfReachable(backing);
      return stats !== undefined && stats.dev === file.dev && stats.ino === file.ino;
    })
    ?.replace(/^/, '/dev/');
}
