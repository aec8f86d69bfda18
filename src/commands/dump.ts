import { type Definition, GROUP } from '../cli/definition.ts';
import { DUMP_FORMAT_OPTION } from '../cli/options.ts';

export const dump: Definition = (call) =>
  call
    .command('dump', {
      group: GROUP.vms,
      examples: `
  rapido dump                        write the memory of the only running VM to rapido1.vmcore
  rapido dump 2 /tmp/hang.vmcore
  rapido dump --format elf 2         a file that gdb can read, too, as large as the memory
The VM is stopped meanwhile, and need not respond: a VM that hangs can be dumped, too.`,
    })
    .description('write the memory of a running VM to a file, for drgn, crash or gdb')
    .argument('[vm]', 'number or hostname of a running VM')
    .argument('[file]', 'a new file (default: HOSTNAME.vmcore)')
    .addOption(DUMP_FORMAT_OPTION)
    .action(async (vm, file, _options, command) => {
      const { runDump } = await import('../machine/dump.ts');
      call.finish(await runDump({ vm, file }, command.optsWithGlobals(), await call.ui()));
    });
