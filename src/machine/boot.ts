import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  type Context,
  checkUnknownKeys,
  chooseKernel,
  createContext,
  describeKernel,
  requireWritable,
} from '../cli/context.ts';
import { HOST_CUT, pickCut } from '../cut/load.ts';
import { UsageError, UserError } from '../errors.ts';
import { readImageHeader } from '../image/image-header.ts';
import { imagePath, lastImage } from '../image/location.ts';
import { formatCommandLine } from '../sys/command-line.ts';
import { findUntrusted, trustOf } from '../sys/trust.ts';
import type { Ui } from '../ui/terminal.ts';
import { type BootOptions, bootImage } from './boot-image.ts';
import { checkVmOptions } from './start.ts';

/** `rapido boot [NAME]` */
export async function runBoot(
  name: string | undefined,
  options: BootOptions,
  ui: Ui,
): Promise<number> {
  checkVmOptions(options);
  if (options.detach === true && options.dryRun !== true) {
    const { isKeeper, bootWithKeeper } = await import('./keeper.ts');
    if (!isKeeper()) return bootWithKeeper(ui);
  }
  const context = createContext(options, ui);
  await checkUnknownKeys(context, context.conf);
  if (options.dryRun !== true) requireWritable(context, ['cache', 'state']);
  const chosen = chooseImage(name, context);
  if ('cut' in chosen) {
    const { cutAndBoot } = await import('./cut.ts');
    return cutAndBoot(chosen.cut, options, context);
  }
  const { path } = chosen;
  const kernel = chooseKernel(context);
  ui.note(describeKernel(kernel));
  return bootImage({ path, kernel, wasJustCut: false }, context.conf, options, context);
}

/**
 * Chooses the image with this name or path; without a name, the one that was cut last. One that mounts directories of
 * this host is cut again, because they depend on the current directory.
 */
function chooseImage(
  name: string | undefined,
  context: Context,
): { path: string } | { cut: string } {
  const { conf, cuts, cwd } = context;
  if (name?.includes('/')) {
    const path = resolve(cwd, name);
    refuseHostMounts(path);
    return { path };
  }
  if (name === undefined) {
    const last = lastImage(conf);
    if (last === undefined || !existsSync(last)) return { cut: HOST_CUT };
    return asCutAgain(rejectUntrusted(last, context));
  }
  const cutName = name.replaceAll('_', '-');
  const path = imagePath(conf, cutName);
  if (cutName === HOST_CUT) return { cut: HOST_CUT };
  if (!existsSync(path)) {
    const { name: known } = pickCut(name, cuts);
    throw new UserError(`no image for ${known} yet`, { hint: `rapido cut ${known}` });
  }
  rejectUntrusted(path, context);
  const { image } = readImageHeader(path);
  if (image.cut === cutName) return asCutAgain(path);
  throw new UserError(`${path} (DRACUT_OUT) is an image for ${image.cut}, not for ${cutName}`, {
    hint: `rapido cut ${cutName}`,
  });
}

function asCutAgain(path: string): { path: string } | { cut: string } {
  const { image } = readImageHeader(path);
  return image.mountsHost ? { cut: image.cut } : { path };
}

/** Somebody else's image must not get the files of this user. */
function refuseHostMounts(path: string): void {
  const { image } = readImageHeader(path);
  if (!image.mountsHost) return;
  throw new UsageError(
    `${path} mounts directories of the host, and can only be booted by its name`,
    {
      hint: formatCommandLine(['rapido', 'boot', image.cut]),
    },
  );
}

/**
 * Rejects an image that another user could have written: IMAGE_DIR may be a shared directory. An image that
 * the user gives by its path is not checked.
 */
function rejectUntrusted(image: string, { env }: Context): string {
  const untrusted = findUntrusted(image, trustOf(env));
  if (untrusted === undefined) return image;
  throw new UsageError(`${image} is not trusted: ${untrusted.path} ${untrusted.why}`, {
    hint: `to boot it anyway: ${formatCommandLine(['rapido', 'boot', image])}`,
  });
}
