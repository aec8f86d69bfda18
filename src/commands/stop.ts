import { type Definition, GROUP } from '../cli/definition.ts';

export const stop: Definition = (call) =>
  call
    .command('stop', {
      group: GROUP.vms,
      examples: `
  rapido stop 1
  rapido stop --all`,
    })
    .description('power off VMs, and kill those that do not power off in time')
    .argument('[vm...]', 'numbers or hostnames of running VMs')
    .option('-a, --all', 'stop all running VMs')
    .action(async (names, _options, command) => {
      const { runStop } = await import('../machine/stop.ts');
      call.finish(await runStop(names, command.optsWithGlobals(), await call.ui()));
    });
