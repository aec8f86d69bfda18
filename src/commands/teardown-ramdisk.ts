import { type Definition, GROUP } from '../cli/definition.ts';
import { OPTION } from '../cli/options.ts';

export const teardownRamdisk: Definition = (call) =>
  call
    .command('teardown-ramdisk', {
      group: GROUP.host,
      examples: `
  sudo rapido teardown-ramdisk`,
    })
    .description('unmount the ramdisk; the images on it are lost (root)')
    .addOption(OPTION.dryRun)
    .action(async (_options, command) => {
      const { runTeardownRamdisk } = await import('../setup/ramdisk.ts');
      call.finish(await runTeardownRamdisk(command.optsWithGlobals(), await call.ui()));
    });
