import { type Definition, GROUP } from '../cli/definition.ts';
import { OPTION } from '../cli/options.ts';

export const teardownNetwork: Definition = (call) =>
  call
    .command('teardown-network', {
      group: GROUP.host,
      examples: `
  sudo rapido teardown-network`,
    })
    .description('remove the bridge and taps (root)')
    .addOption(OPTION.dryRun)
    .action(async (_options, command) => {
      const { runTeardownNetwork } = await import('../setup/network.ts');
      call.finish(await runTeardownNetwork(command.optsWithGlobals(), await call.ui()));
    });
