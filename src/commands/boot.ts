import { type Definition, GROUP } from '../cli/definition.ts';
import { OPTION } from '../cli/options.ts';

export const boot: Definition = (call) =>
  call
    .command('boot', {
      group: GROUP.build,
      takesRest: true,
      hint: 'QEMU arguments go after `--`; `rapido boot --help` shows examples',
      examples: `
  rapido boot                        the image that was cut last
  rapido boot simple-example --cpus 4 --memory 2G
  rapido boot --disk test.qcow2,serial=TEST_DEV --disk size:10G,serial=SCRATCH_DEV
  rapido boot -- -gdb tcp:127.0.0.1:1234 -S    QEMU waits for gdb
  rapido boot --dry-run              the QEMU command line
  rapido boot --detach               in the background; prints its number
  rapido boot --detach --forward 2222:22 dropbear    and the ssh command for it
At the prompt: shutdown or exit ends the VM; Ctrl-a x kills it, Ctrl-a h shows more.`,
    })
    .alias('vm')
    .description('boot an image: the one cut last, or that of NAME')
    .argument('[name]', 'a target, or the path of an image')
    .addOption(OPTION.cpus)
    .addOption(OPTION.memory)
    .addOption(OPTION.disk)
    .addOption(OPTION.net)
    .addOption(OPTION.forward)
    .option('-d, --detach', 'leave it running once its autorun scripts have ended; see ps, stop')
    .option('--dry-run', 'print the QEMU command line, and stop')
    .usage('[options] [name] [-- QEMU arguments]')
    .action(async (name, _options, command) => {
      const { runBoot } = await import('../machine/boot.ts');
      const options = command.optsWithGlobals();
      call.finish(
        await runBoot(name, { ...options, qemuArguments: [...(call.rest ?? [])] }, await call.ui()),
      );
    });
