import { type Definition, GROUP } from '../cli/definition.ts';
import { OPTION } from '../cli/options.ts';

export const setupRamdisk: Definition = (call) =>
  call
    .command('setup-ramdisk', {
      group: GROUP.host,
      examples: `
  sudo rapido setup-ramdisk              for the user who called sudo
  sudo rapido setup-ramdisk --size 8G
The ramdisk uses memory as it fills.`,
    })
    .description('mount a zram-backed ramdisk on the image directory (root)')
    .option('--size <size>', 'capacity (default: 2G)')
    .addOption(OPTION.dryRun)
    .action(async (_options, command) => {
      const { runSetupRamdisk } = await import('../setup/ramdisk.ts');
      call.finish(await runSetupRamdisk(command.optsWithGlobals(), await call.ui()));
    });
