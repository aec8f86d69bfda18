import { closeSync, constants, openSync, readSync, type Stats } from 'node:fs';
import { describeErrorCode, describeReadError, errorCode } from '../errors.ts';
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
 * @returns the reason, as text that names the file, if it cannot be used
 */
export function probeDiskFile(
  path: string,
  { readonly, headBytes }: { readonly: boolean; headBytes: number },
): DiskFile | string {
  const stats = statIfReachable(path);
  if (stats === undefined) return `${path} does not exist`;
  const isBlockDevice = stats.isBlockDevice();
  if (stats.isDirectory()) return `${path} is a directory, not a disk`;
  if (!isBlockDevice && !stats.isFile()) return `${path} is neither a file nor a block device`;
  if (stats.isFile() && stats.size === 0) {
    return `${path} is empty; give it a size: truncate -s 10G ${path}`;
  }
  const loop = isBlockDevice ? undefined : findLoopDevice(stats);
  if (loop !== undefined)
    return `${path} is in use on this host as ${loop}: losetup --detach ${loop}`;
  const mode = readonly ? constants.O_RDONLY : constants.O_RDWR;
  let fd: number;
  try {
    fd = openSync(path, mode | (isBlockDevice ? constants.O_EXCL : 0));
  } catch (error) {
    return explainRefusal(path, error, stats, readonly);
  }
  try {
    const head = Buffer.alloc(headBytes);
    const length = readSync(fd, head, 0, headBytes, 0);
    const identity = isBlockDevice
      ? deviceNumber(stats.rdev)
      : `file ${deviceNumber(stats.dev)}:${stats.ino}`;
    return { identity, isBlockDevice, head: head.subarray(0, length) };
  } catch (error) {
    return describeReadError(path, error);
  } finally {
    closeSync(fd);
  }
}

function explainRefusal(path: string, error: unknown, stats: Stats, readonly: boolean): string {
  const what = readonly ? 'read' : 'write';
  const remedy = readonly ? '' : ', or add readonly';
  switch (errorCode(error)) {
    case 'EBUSY': {
      const where = findMounts().find(
        ({ device }) => device === deviceNumber(stats.rdev),
      )?.directory;
      return where === undefined
        ? `${path}, or a part of it, is in use on this host (swap, LVM, RAID, a mounted partition): see lsblk`
        : `${path} is mounted on this host at ${where}: umount ${where}`;
    }
    case 'EACCES':
    case 'EPERM':
      return stats.isBlockDevice()
        ? `cannot ${what} ${path}: permission denied; join the device's group (ls -l), or ask root${remedy}`
        : `cannot ${what} ${path}: permission denied; chmod${remedy}`;
    case 'EROFS':
      return `${path} is on a read-only filesystem${remedy}`;
    default:
      return `cannot ${what} ${path}: ${describeErrorCode(error)}${remedy}`;
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
