import { lstatSync, readlinkSync, renameSync, symlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Conf } from '../conf/conf.ts';
import { keepNewest, markUsed } from '../sys/keep-newest.ts';
import { makePrivateDirectory } from '../sys/private-directory.ts';
import { temporaryNameFor } from '../sys/temporary.ts';

const LAST = 'last';

/** The directory of all images that have no path of their own. */
export function imageDirectory(conf: Conf): string {
  return conf.get('IMAGE_DIR') ?? '.';
}

/** The path of the image of a cut, unless `-o` names another. */
export function imagePath(conf: Conf, cutName: string): string {
  return conf.get('DRACUT_OUT') ?? join(imageDirectory(conf), `${cutName}.img`);
}

/** Records which image was cut last, in a link that is replaced atomically. */
export function rememberLast(conf: Conf, image: string): void {
  const link = lastLink(conf);
  makePrivateDirectory(dirname(link));
  if (lastImage(conf) === image) return;
  const temporary = temporaryNameFor(link);
  symlinkSync(image, temporary);
  renameSync(temporary, link);
}

/** Path of the image that was cut last. The image may no longer exist. */
export function lastImage(conf: Conf): string | undefined {
  const link = lastLink(conf);
  if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return undefined;
  return resolve(dirname(link), readlinkSync(link));
}

function lastLink(conf: Conf): string {
  return join(imageDirectory(conf), LAST);
}

/** Number of images of runs that are kept. */
const RUN_IMAGES = 6;

/**
 * The path of the image of a run. It depends on the content: an identical image can be reused, and a run of another
 * command or kernel tree uses another path.
 * @param digest of the image's header
 */
export function runImagePath(conf: Conf, cutName: string, digest: string): string {
  return join(imageDirectory(conf), 'run', `${cutName}-${digest.slice(0, 16)}.img`);
}

/**
 * Removes all but the newest images of runs. QEMU reads an image once, when it starts, so only images of VMs that
 * are about to start must stay.
 */
export function pruneRunImages(justMade: string): void {
  markUsed(justMade);
  keepNewest(dirname(justMade), { suffix: '.img', count: RUN_IMAGES, grace: START_GRACE });
}

/** Upper limit for the time until QEMU has read its image, in milliseconds. */
const START_GRACE = 60_000;
