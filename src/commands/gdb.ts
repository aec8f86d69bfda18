import { type Definition, GROUP } from '../cli/definition.ts';

export const gdb: Definition = (call) =>
  call
    .command('gdb', {
      group: GROUP.vms,
      takesRest: true,
      examples: `
  rapido gdb                         attach to the only running VM
  rapido gdb 1 -- -ex 'break vfs_read' -ex continue
  rapido gdb 1 -- -batch -ex 'thread apply all bt'
  rapido gdb 1 --address             print the address, for another debugger
The VM stops while gdb is attached. detach or quit lets it run on.`,
    })
    .description('attach gdb to the kernel of a running VM')
    .argument('[vm]', 'number or hostname of a running VM')
    .option('--address', 'open the socket for a debugger, print its path, and exit')
    .usage('[options] [vm] [-- gdb arguments]')
    .action(async (name, _options, command) => {
      const { runGdb } = await import('../machine/gdb.ts');
      const words = call.rest === undefined ? [] : [...call.rest];
      call.finish(await runGdb(name, words, command.optsWithGlobals(), await call.ui()));
    });
