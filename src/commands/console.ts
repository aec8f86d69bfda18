import { type Definition, GROUP } from '../cli/definition.ts';

export const console: Definition = (call) =>
  call
    .command('console', {
      group: GROUP.vms,
      examples: `
  rapido console 1`,
    })
    .description('show the console of a detached VM at this terminal; Ctrl-a d leaves it')
    .argument('<vm>', 'number or name of a VM of `rapido ps`')
    .action(async (name, _options, command) => {
      const { runConsole } = await import('../machine/console.ts');
      call.finish(await runConsole(name, command.optsWithGlobals(), await call.ui()));
    });
