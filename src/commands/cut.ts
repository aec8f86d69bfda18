import { type Definition, GROUP } from '../cli/definition.ts';
import { OPTION } from '../cli/options.ts';
import type { CutExtras } from '../image/resolve-request.ts';

export const cut: Definition = (call) => {
  const commands: CutExtras['commands'][number][] = [];
  return call
    .command('cut', {
      group: GROUP.build,
      takesRest: true,
      examples: `
  rapido cut simple-example
  rapido cut simple-example -b -x 'uname -a; dmesg | tail'
  rapido cut simple-example -b -i strace -i ./my-test --driver zram
  rapido cut simple-example --include ~/data:/data --include ./notes.txt:/root/
  rapido cut simple-example -b --cpus 4 --memory 2G --disk size:10G -- -s
  rapido cut simple-example --dry-run`,
    })
    .description('build the initramfs image of a target')
    .argument('<name>', 'a target; `rapido list` shows all')
    .option('-b, --boot', 'boot the image')
    .option('-B, --no-boot', 'do not boot the image (default; the original rapido booted it)')
    .option(
      '-x, --exec <command>',
      'run a shell command after the autorun scripts (repeatable)',
      (command) => {
        commands.push({ command });
        return command;
      },
    )
    .option(
      '-f, --file <script>',
      'run a script after the autorun scripts (repeatable)',
      (file) => {
        commands.push({ file });
        return file;
      },
    )
    .addOption(OPTION.install)
    .addOption(OPTION.include)
    .addOption(OPTION.driver)
    .option('--net <kind>', 'add network support; with -b, also select the kind: tap, user or none')
    .addOption(OPTION.cpus)
    .addOption(OPTION.memory)
    .addOption(OPTION.disk)
    .addOption(OPTION.forward)
    .addOption(OPTION.share)
    .addOption(OPTION.append)
    .addOption(OPTION.qemuArg)
    .addOption(OPTION.kernel)
    .option('-o, --output <file>', 'write the image to this file')
    .addOption(OPTION.dryRun)
    .option('--rebuild', 'rebuild all layers')
    .usage('[options] <name> [-- QEMU arguments]')
    .action(async (name, _options, command) => {
      const { runCut } = await import('../machine/cut.ts');
      const options = command.optsWithGlobals();
      call.finish(
        await runCut(
          name,
          { ...options, commands, qemuArguments: call.rest && [...call.rest] },
          await call.ui(),
        ),
      );
    });
};
