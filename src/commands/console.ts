import { type Definition, GROUP } from '../cli/definition.ts';

export const console: Definition = (call) =>
  call
    .command('console', {
      group: GROUP.vms,
      examples: `
  rapido console 1`,
    })
    .description("attach this terminal to a detached VM's console; Ctrl-a d detaches")
    .argument('<vm>', 'number or hostname of a running VM')
    .action(async (name, _options, command) => {
      const { runConsole } = await import('../machine/console.ts');
      call.finish(await runConsole(name, command.optsWithGlobals(), await call.ui()));
    });
