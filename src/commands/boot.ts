import { type Definition, GROUP } from '../cli/definition.ts';
import { OPTION } from '../cli/options.ts';

export const boot: Definition = (call) =>
  call
    .command('boot', {
      group: GROUP.build,
      takesRest: true,
      hint: 'QEMU arguments follow `--`; `rapido boot --help` shows examples',
      examples: `
  rapido boot                        boot the last image built by \`rapido cut\`, or host if there is no image yet
  rapido boot host                   boot with this host's programs and files, read-only
  rapido boot simple-example --cpus 4 --memory 2G
  rapido boot --disk test.qcow2,serial=TEST_DEV --disk size:10G,serial=SCRATCH_DEV
  rapido boot --gdb                  stop before the first instruction
  rapido boot --dry-run              print the QEMU command line
  rapido boot --detach               run in the background, print the VM's number
  rapido boot --detach --forward 2222:22 dropbear    also print the ssh command
In the VM: shutdown or exit powers off; Ctrl-a x kills the VM, Ctrl-a h shows more keys.`,
    })
    .alias('vm')
    .description('boot the last image built, or the image of target NAME')
    .argument('[name]', 'a target, or the path to an image')
    .addOption(OPTION.kernel)
    .addOption(OPTION.cpus)
    .addOption(OPTION.memory)
    .addOption(OPTION.disk)
    .addOption(OPTION.net)
    .addOption(OPTION.forward)
    .addOption(OPTION.share)
    .addOption(OPTION.append)
    .addOption(OPTION.qemuArg)
    .option('-d, --detach', 'run the VM in the background; see ps, exec, console, stop')
    .option('--gdb', 'stop before the first instruction, until a debugger continues; see gdb')
    .option('--dry-run', 'print the QEMU command line and exit')
    .usage('[options] [name] [-- QEMU arguments]')
    .action(async (name, _options, command) => {
      const { runBoot } = await import('../machine/boot.ts');
      const options = command.optsWithGlobals();
      call.finish(
        await runBoot(name, { ...options, qemuArguments: [...(call.rest ?? [])] }, await call.ui()),
      );
    });
