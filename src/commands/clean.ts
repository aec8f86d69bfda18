import { type Definition, GROUP } from '../cli/definition.ts';
import { OPTION } from '../cli/options.ts';

export const clean: Definition = (call) =>
  call
    .command('clean', {
      group: GROUP.host,
      examples: `
  rapido clean --dry-run
  rapido clean                              remove the whole cache and all images
  rapido clean cache --max-size 5G
  rapido clean results --older-than 30d
  rapido clean cache images results --older-than 2w --max-size 20G
What is in use stays: images of running VMs, the image cut last, runs that have not ended, the latest run.`,
    })
    .description('remove cached layers and kernels, images, and results')
    .argument('[what...]', 'cache, images, results (default: cache images)')
    .option('--older-than <age>', 'only remove what was not used for this long (e.g. 12h, 30d, 2w)')
    .option('--max-size <size>', 'keep what was used last, up to this size (e.g. 5G) for each')
    .addOption(OPTION.dryRun)
    .action(async (what, _options, command) => {
      const { runClean } = await import('../setup/clean.ts');
      call.finish(await runClean(what, command.optsWithGlobals(), await call.ui()));
    });
