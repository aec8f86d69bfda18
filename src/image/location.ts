import { lstatSync, readlinkSync, renameSync, symlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Conf } from '../conf/conf.ts';
import { keepNewest, markUsed } from '../sys/keep-newest.ts';
import { makePrivateDirectory } from '../sys/private-directory.ts';
import { temporaryNameFor } from '../sys/temporary.ts';

const LAST = 'last';

/** Where the image of a cut goes, unless `-o` says otherwise. */
export function imagePath(conf: Conf, cutName: string): string {
  return conf.get('DRACUT_OUT') ?? join(conf.get('IMAGE_DIR') ?? '.', `${cutName}.img`);
}

/** Notes which image was cut last: a link that is replaced at once. */
export function rememberLast(conf: Conf, image: string): void {
  const link = lastLink(conf);
  makePrivateDirectory(dirname(link));
  if (lastImage(conf) === image) return;
  const temporary = temporaryNameFor(link);
  symlinkSync(image, temporary);
  renameSync(temporary, link);
}

/** The image that was cut last, whether it still exists or not. */
export function lastImage(conf: Conf): string | undefined {
  const link = lastLink(conf);
  if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return undefined;
  return resolve(dirname(link), readlinkSync(link));
}

function lastLink(conf: Conf): string {
  return join(conf.get('IMAGE_DIR') ?? '.', LAST);
}

/** How many images of runs are kept. */
const RUN_IMAGES = 6;

/**
 * Where the image of a run goes: one that is the same is there already, and no other run, of another
 * command or another kernel tree, can put its own there.
 * @param digest of the image's header
 */
export function runImagePath(conf: Conf, cutName: string, digest: string): string {
  return join(conf.get('IMAGE_DIR') ?? '.', 'run', `${cutName}-${digest.slice(0, 16)}.img`);
}

/**
 * Removes all but the newest images of runs. QEMU reads an image once, when it starts: only one that
 * was just made must stay.
 */
export function pruneRunImages(justMade: string): void {
  markUsed(justMade);
  keepNewest(dirname(justMade), { suffix: '.img', count: RUN_IMAGES, grace: START_GRACE });
}

/** How long it may take until QEMU has read an image that was made or found, in milliseconds. */
const START_GRACE = 60_000;
