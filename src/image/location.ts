import { lstatSync, mkdirSync, readlinkSync, renameSync, symlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Conf } from '../conf/conf.ts';
import { temporaryNameFor } from '../sys/temporary.ts';

const LAST = 'last';

/** Where the image of a cut goes, unless `-o` says otherwise. */
export function imagePath(conf: Conf, cutName: string): string {
  return conf.get('DRACUT_OUT') ?? join(conf.get('IMAGE_DIR') ?? '.', `${cutName}.img`);
}

/** Notes which image was cut last: a link that is replaced at once. */
export function rememberLast(conf: Conf, image: string): void {
  const link = lastLink(conf);
  mkdirSync(dirname(link), { recursive: true });
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
