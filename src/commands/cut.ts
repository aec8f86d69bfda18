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
    .description('build the initramfs of a target')
    .argument('<name>', 'a target of `rapido list`')
    .option('-b, --boot', 'boot it at once')
    .option('-B, --no-boot', 'do not boot it (the default; the original tool booted)')
    .option(
      '-x, --exec <command>',
      'shell command to run after the autorun scripts (repeatable)',
      (command) => {
        commands.push({ command });
        return command;
      },
    )
    .option(
      '-f, --file <script>',
      'script to run after the autorun scripts (repeatable)',
      (file) => {
        commands.push({ file });
        return file;
      },
    )
    .addOption(OPTION.install)
    .addOption(OPTION.include)
    .addOption(OPTION.driver)
    .option('--net <kind>', 'add what a network takes; with -b, which one: tap, user or none')
    .addOption(OPTION.cpus)
    .addOption(OPTION.memory)
    .addOption(OPTION.disk)
    .addOption(OPTION.forward)
    .option('-o, --output <file>', 'write the image there')
    .addOption(OPTION.dryRun)
    .option('--rebuild', 'make every layer anew')
    .usage('[options] <name> [-- QEMU arguments]')
    .action(async (name, _options, command) => {
      const { runCut } = await import('../machine/cut.ts');
      const options = command.optsWithGlobals();
      call.finish(
        await runCut(name, { ...options, commands, qemuArguments: call.rest }, await call.ui()),
      );
    });
};
