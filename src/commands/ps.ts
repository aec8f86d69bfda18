import { type Definition, GROUP } from '../cli/definition.ts';
import { OPTION } from '../cli/options.ts';

export const ps: Definition = (call) =>
  call
    .command('ps', {
      group: GROUP.vms,
      examples: `
  rapido ps
  rapido ps --json | jq -r '.[].number'`,
    })
    .description('list running VMs')
    .addOption(OPTION.json)
    .action(async (_options, command) => {
      const { runPs } = await import('../show/ps.ts');
      call.finish(await runPs(command.optsWithGlobals(), await call.ui()));
    });
