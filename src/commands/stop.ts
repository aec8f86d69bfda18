import { type Definition, GROUP } from '../cli/definition.ts';

export const stop: Definition = (call) =>
  call
    .command('stop', {
      group: GROUP.vms,
      examples: `
  rapido stop 1
  rapido stop --all`,
    })
    .description('power off VMs in order, by force where that takes too long')
    .argument('[vm...]', 'numbers or names of VMs of `rapido ps`')
    .option('-a, --all', 'all that run')
    .action(async (names, _options, command) => {
      const { runStop } = await import('../machine/stop.ts');
      call.finish(await runStop(names, command.optsWithGlobals(), await call.ui()));
    });
