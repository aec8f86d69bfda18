import { createHash } from 'node:crypto';
import type { Kernel } from '../host/kernel.ts';
import { buildImage } from '../image/build.ts';
import { pruneRunImages, runImagePath } from '../image/location.ts';
import { digestMembers, overlayMembers } from '../image/overlay.ts';
import type { ImagePlan } from '../image/plan.ts';
import { type ResolvedImage, resolveImage } from '../image/resolve.ts';
import { cleaningUpOnSignals } from '../sys/signals.ts';
import { type Job, showProgress } from './run-job.ts';

/** Plans the image of a run, with its command in it. */
export function planRunImage(job: Job, kernel: Kernel): ResolvedImage {
  const { options, settings, context, cut, conf } = job;
  const resolved = resolveImage({
    ...{ cut, conf, kernel },
    extras: {
      install: options.install ?? [],
      include: options.include ?? [],
      drivers: options.driver ?? [],
      commands: [],
    },
    run: { command: settings.command },
    output: '',
    directories: context.directories,
    env: context.env,
    cwd: context.cwd,
  });
  const output = runImagePath(conf, cut.name, fingerprint(resolved.plan));
  return { ...resolved, plan: { ...resolved.plan, output } };
}

function fingerprint({ userspace, modules, trees, image, overlay, links }: ImagePlan): string {
  const names = modules?.modules.map(({ name }) => name);
  return createHash('sha256')
    .update(JSON.stringify({ userspace, names, trees, image }))
    .update(digestMembers(overlayMembers(overlay, [], links)))
    .digest('hex');
}

/** Cuts the image of a run. @returns its path */
export async function cutRunImage(job: Job, kernel: Kernel): Promise<string> {
  const { ui, directories, debug } = job.context;
  const { plan, moduleTree, warnings } = planRunImage(job, kernel);
  for (const warning of warnings) ui.warn(warning);
  const image = await cleaningUpOnSignals(() =>
    buildImage(plan, {
      cache: directories.cache,
      rebuild: false,
      moduleTree,
      onProgress: (step) => showProgress(job, step),
      onDracutLine: debug ? ui.note : undefined,
    }),
  );
  for (const warning of image.warnings) ui.warn(warning);
  pruneRunImages(image.path);
  return image.path;
}
