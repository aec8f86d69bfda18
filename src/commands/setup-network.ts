import { type Definition, GROUP } from '../cli/definition.ts';
import { OPTION } from '../cli/options.ts';

export const setupNetwork: Definition = (call) =>
  call
    .command('setup-network', {
      group: GROUP.host,
      examples: `
  sudo rapido setup-network              for the user who called sudo
  rapido setup-network --dry-run
Running it again applies changes to rapido.conf.`,
    })
    .description('create the bridge and taps for VMs (root)')
    .addOption(OPTION.dryRun)
    .action(async (_options, command) => {
      const { runSetupNetwork } = await import('../setup/network.ts');
      call.finish(await runSetupNetwork(command.optsWithGlobals(), await call.ui()));
    });
