import { type Definition, GROUP } from '../cli/definition.ts';

export const exec: Definition = (call) =>
  call
    .command('exec', {
      group: GROUP.vms,
      takesRest: true,
      hint: 'the command goes after `--`; `rapido exec --help` shows examples',
      examples: `
  rapido exec 1                      a shell; exit leaves it, and Enter ~ . if it hangs
  rapido exec 1 -- dmesg
  rapido exec server -- sh -c 'cat > /tmp/file' < file
Exit status: the command's own; 120 the VM ended before it; 125 rapido could not do it.`,
    })
    .description('run a command in a running VM; at a terminal without a command, a shell')
    .argument('<vm>', 'number or name of a VM of `rapido ps`')
    .option('-t, --tty', 'give the command a terminal even if rapido has none')
    .option('-T, --no-tty', 'give the command pipes even if rapido has a terminal')
    .usage('[options] <vm> [-- command and arguments]')
    .action(async (name, _options, command) => {
      const { runExec } = await import('../machine/exec.ts');
      const { readRawArguments } = await import('../sys/raw-arguments.ts');
      const words = call.rest === undefined ? undefined : readRawArguments(call.rest);
      call.finish(await runExec(name, words, command.optsWithGlobals(), await call.ui()));
    });
