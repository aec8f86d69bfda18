import { type Definition, GROUP } from '../cli/definition.ts';

export const exec: Definition = (call) =>
  call
    .command('exec', {
      group: GROUP.vms,
      takesRest: true,
      hint: 'the command follows `--`; `rapido exec --help` shows examples',
      examples: `
  rapido exec 1                      a shell; end it with exit, or with Enter ~ . if it hangs
  rapido exec 1 -- dmesg
  rapido exec server -- sh -c 'cat > /tmp/file' < file
Exit status: the command's own; 120: the VM ended before the command did; 125: rapido failed.`,
    })
    .description('run a command or an interactive shell in a running VM')
    .argument('<vm>', 'number or hostname of a running VM')
    .option('-t, --tty', 'allocate a terminal even if stdout is not one')
    .option('-T, --no-tty', 'use pipes even if stdout is a terminal')
    .usage('[options] <vm> [-- command and arguments]')
    .action(async (name, _options, command) => {
      const { runExec } = await import('../machine/exec.ts');
      const { readRawArguments } = await import('../sys/raw-arguments.ts');
      const words = call.rest === undefined ? undefined : readRawArguments(call.rest);
      call.finish(await runExec(name, words, command.optsWithGlobals(), await call.ui()));
    });
