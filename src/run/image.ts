import type { Kernel } from '../host/kernel.ts';
import { type BuiltImage, buildImage } from '../image/build.ts';
import { digestHeader } from '../image/image-header.ts';
import { pruneRunImages, runImagePath } from '../image/location.ts';
import { type ResolvedImage, resolveImage } from '../image/resolve.ts';
import type { CutExtras } from '../image/resolve-request.ts';
import { parseNetworkKind } from '../machine/network.ts';
import { cleaningUpOnSignals } from '../sys/signals.ts';
import { type Job, type StartedJob, showProgress } from './context.ts';

/**
 * Plans the image of a run, with its command in it.
 * @param done tests that must not run again
 */
export function planRunImage(
  job: Job,
  kernel: Kernel,
  done: readonly string[] = [],
): ResolvedImage {
  const { options, settings, context, cut, conf } = job;
  return resolveImage({
    cut,
    conf,
    kernel,
    extras: extrasOf(job),
    run: { command: settings.command, done },
    output: runImagePath(conf, cut.name, 'DIGEST'),
    willBuild: options.dryRun !== true,
    directories: context.directories,
    env: context.env,
    cwd: context.cwd,
  });
}

/** What the options of the command line add to the cut. */
export function extrasOf({ options }: Job): CutExtras {
  return {
    install: options.install ?? [],
    include: options.include ?? [],
    drivers: options.driver ?? [],
    network: parseNetworkKind(options),
    commands: [],
  };
}

/** Plans the image of a server. */
export function planServerImage(job: Job, kernel: Kernel): ResolvedImage {
  const { context, cut, conf, options } = job;
  return resolveImage({
    cut,
    conf,
    kernel,
    extras: {
      install: [],
      include: [],
      drivers: [],
      commands: [],
      network: parseNetworkKind({ net: options.net }),
    },
    run: undefined,
    output: runImagePath(conf, cut.name, 'DIGEST'),
    willBuild: options.dryRun !== true,
    directories: context.directories,
    env: context.env,
    cwd: context.cwd,
  });
}

/** Cuts the image of a run. */
export async function cutRunImage(
  job: StartedJob,
  { plan, moduleTree, listing, warnings, notes }: ResolvedImage,
): Promise<BuiltImage> {
  const { ui, directories, debug } = job.context;
  for (const warning of warnings) ui.warn(warning);
  if (job.options.quiet !== true) for (const note of notes) ui.note(note);
  const image = await cleaningUpOnSignals(
    () =>
      buildImage(plan, {
        cache: directories.cache,
        placeFor: (header) => runImagePath(job.conf, job.cut.name, digestHeader(header)),
        rebuild: false,
        moduleTree,
        listing,
        onProgress: (step) => showProgress(job, step),
        onDracutLine: debug ? ui.note : undefined,
      }),
    job.onInterrupt,
  );
  for (const warning of image.warnings) ui.warn(warning);
  pruneRunImages(image.path);
  return image;
}
