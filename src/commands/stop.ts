import { type Definition, GROUP } from '../cli/definition.ts';

export const stop: Definition = (call) =>
  call
    .command('stop', {
      group: GROUP.vms,
      examples: `
  rapido stop 1
  rapido stop --all
A VM has 10 s to power off, or 30 s without KVM.`,
    })
    .description("shut VMs down, killing them if they don't power off in time")
    .argument('[vm...]', 'numbers or hostnames of running VMs')
    .option('-a, --all', 'stop all running VMs')
    .action(async (names, _options, command) => {
      const { runStop } = await import('../machine/stop.ts');
      call.finish(await runStop(names, command.optsWithGlobals(), await call.ui()));
    });
