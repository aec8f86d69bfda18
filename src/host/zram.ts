import { closeSync, existsSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { errorCode } from '../errors.ts';
import { waitUntil } from '../sys/awake-clock.ts';

/** Directory of zram's hot_add and hot_remove: Documentation/admin-guide/blockdev/zram.rst of Linux. */
export const ZRAM_CONTROL = '/sys/class/zram-control';

/** Creates a zram device by reading hot_add. @returns its number; undefined if there is no zram */
export function addZram(): number | undefined {
  try {
    return Number(readFileSync(`${ZRAM_CONTROL}/hot_add`, 'utf8'));
  } catch {
    return undefined;
  }
}

/** How long udev may take with a device, in milliseconds. */
const DEVICE_TIME = 2000;

/** Sets the size in bytes, and waits for the device node. */
export async function sizeZram(number: number, bytes: number): Promise<void> {
  writeFileSync(`/sys/block/zram${number}/disksize`, String(bytes));
  await waitUntil(DEVICE_TIME, () => existsSync(`/dev/zram${number}`));
}

/** Removes a device and its data. Retries if the device is busy: udev may open a new device for a moment. */
export async function removeZram(number: number): Promise<void> {
  let busy: unknown;
  const remove = (): boolean => {
    try {
      writeFileSync(`${ZRAM_CONTROL}/hot_remove`, String(number));
      return true;
    } catch (error) {
      if (errorCode(error) !== 'EBUSY') throw error;
      busy = error;
      return false;
    }
  };
  if (!(await waitUntil(DEVICE_TIME, remove))) throw busy;
}

/** Offset and size of s_volume_name in the superblock of ext4, in bytes. */
const LABEL = { offset: 1024 + 0x78, bytes: 16 } as const;

/** The label of the ext4 filesystem on a device. @returns undefined if it cannot be read */
export function readExt4Label(device: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(device, 'r');
  } catch {
    return undefined;
  }
  try {
    const buffer = Buffer.alloc(LABEL.bytes);
    readSync(fd, buffer, 0, LABEL.bytes, LABEL.offset);
    return buffer.toString('latin1').replace(/\0.*$/s, '');
  } finally {
    closeSync(fd);
  }
}
