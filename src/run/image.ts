import type { Conf } from '../conf/conf.ts';
import type { LoadedCut } from '../cut/load.ts';
import type { Kernel } from '../host/kernel.ts';
import { buildImage } from '../image/build.ts';
import { limitCache } from '../image/cache-files.ts';
import { digestHeader } from '../image/image-header.ts';
import { imageDirectory, pruneRunImages, runImagePath } from '../image/location.ts';
import { type ResolvedImage, resolveImage } from '../image/resolve.ts';
import type { CutExtras, ResolveRequest } from '../image/resolve-request.ts';
import { parseNetworkKind } from '../machine/network.ts';
import { cleaningUpOnSignals } from '../sys/signals.ts';
import { type RunContext, type RunRequest, showProgress } from './context.ts';

/** A cut, and the conf with the keys that it defines: that under test, or that of a server. */
export interface Target {
  cut: LoadedCut;
  conf: Conf;
}

/**
 * Plans the image under test, with the command in it.
 * @param done tests that must not run again
 */
export function planRunImage(
  request: RunRequest,
  kernel: Kernel,
  done: readonly string[] = [],
): ResolvedImage {
  const { command, shard } = request.settings;
  const run = { command, done, shard };
  return planImage(request, request, kernel, { extras: extrasOf(request), run });
}

/** Plans the image of a server. Of the options that add to a cut, only --net applies to it. */
export function planServerImage(
  request: RunRequest,
  server: Target,
  kernel: Kernel,
): ResolvedImage {
  const network = parseNetworkKind({ net: request.settings.net });
  const extras: CutExtras = {
    install: [],
    include: [],
    drivers: [],
    qemuArguments: [],
    commands: [],
    network,
  };
  return planImage(request, server, kernel, { extras, run: undefined });
}

/** What the options of the command line add to the cut. */
export function extrasOf({ settings }: Pick<RunRequest, 'settings'>): CutExtras {
  return {
    install: settings.install ?? [],
    include: settings.include ?? [],
    drivers: settings.driver ?? [],
    network: parseNetworkKind(settings),
    qemuArguments: settings.qemuArg ?? [],
    commands: [],
  };
}

function planImage(
  { settings, context }: RunRequest,
  { cut, conf }: Target,
  kernel: Kernel,
  additions: Pick<ResolveRequest, 'extras' | 'run'>,
): ResolvedImage {
  return resolveImage({
    cut,
    conf,
    kernel,
    ...additions,
    output: runImagePath(conf, cut.name, 'DIGEST'),
    willBuild: settings.dryRun !== true,
    directories: context.directories,
    env: context.env,
    cwd: context.cwd,
  });
}

/** Cuts an image of a run. @returns its path */
export async function cutRunImage(
  run: RunContext,
  { cut, conf }: Target,
  { plan, moduleTree, listing, warnings, notes }: ResolvedImage,
): Promise<string> {
  const { ui, directories, debug } = run.context;
  for (const warning of warnings) ui.warn(warning);
  if (run.settings.quiet !== true) for (const note of notes) ui.note(note);
  const image = await cleaningUpOnSignals(
    () =>
      buildImage(plan, {
        cache: directories.cache,
        placeFor: (header) => runImagePath(conf, cut.name, digestHeader(header)),
        rebuild: false,
        moduleTree,
        listing,
        onProgress: (step) => showProgress(run, step),
        onDracutLine: debug ? ui.note : undefined,
      }),
    run.onInterrupt,
  );
  for (const warning of image.warnings) ui.warn(warning);
  pruneRunImages(image.path);
  if (!image.unchanged) limitCache(directories.cache, imageDirectory(conf), conf.get('CACHE_SIZE'));
  return image.path;
}
