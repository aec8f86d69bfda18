import { type Definition, GROUP } from '../cli/definition.ts';
import { OPTION, underHeading } from '../cli/options.ts';
import type { CutExtras } from '../image/resolve-request.ts';

const WITH_BOOT = 'With --boot:';

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
  rapido cut simple-example --dry-run
What these options add to the image stays in it until you cut the same target again.`,
    })
    .description('build the initramfs image of a target')
    .argument('<name>', 'a target; `rapido list` shows all')
    .option('-b, --boot', 'boot the image')
    .option(
      '-B, --no-boot',
      "don't boot (the default; for scripts written for the original rapido)",
    )
    .option(
      '-x, --exec <command>',
      "run this shell command at boot, after the target's autorun scripts (repeatable)",
      (command) => {
        commands.push({ command });
        return command;
      },
    )
    .option(
      '-f, --file <script>',
      "run this script at boot, after the target's autorun scripts (repeatable)",
      (file) => {
        commands.push({ file });
        return file;
      },
    )
    .addOption(OPTION.install)
    .addOption(OPTION.include)
    .addOption(OPTION.driver)
    .option('--net <kind>', 'network: tap, user or none (also adds the drivers to the image)')
    .addOption(OPTION.kernel)
    .option('-o, --output <file>', 'write the image to this file')
    .addOption(OPTION.dryRun)
    .option('--rebuild', 'ignore cached layers')
    .addOption(underHeading(WITH_BOOT, OPTION.cpus))
    .addOption(underHeading(WITH_BOOT, OPTION.memory))
    .addOption(underHeading(WITH_BOOT, OPTION.disk))
    .addOption(underHeading(WITH_BOOT, OPTION.forward))
    .addOption(underHeading(WITH_BOOT, OPTION.share))
    .addOption(underHeading(WITH_BOOT, OPTION.append))
    .addOption(underHeading(WITH_BOOT, OPTION.qemuArg))
    .usage('[options] <name> [-- QEMU arguments (with --boot)]')
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
