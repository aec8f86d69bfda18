import { type Definition, GROUP } from '../cli/definition.ts';
import { OPTION } from '../cli/options.ts';

export const setupNetwork: Definition = (call) =>
  call
    .command('setup-network', {
      group: GROUP.host,
      examples: `
  sudo rapido setup-network              a bridge and two taps for the user behind sudo
  rapido setup-network --dry-run
Calling it again is no error; after a change of rapido.conf it changes what is different.`,
    })
    .description('make the bridge and the taps of the VMs, as rapido.conf has them (root)')
    .addOption(OPTION.dryRun)
    .action(async (_options, command) => {
      const { runSetupNetwork } = await import('../setup/network.ts');
      call.finish(await runSetupNetwork(command.optsWithGlobals(), await call.ui()));
    });
