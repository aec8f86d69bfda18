import { type Definition, GROUP } from '../cli/definition.ts';
import { OPTION } from '../cli/options.ts';

export const kconfig: Definition = (call) =>
  call
    .command('kconfig', {
      group: GROUP.host,
      examples: `
  rapido kconfig nfs-client > rapido.config
  scripts/kconfig/merge_config.sh .config rapido.config    in the kernel tree
  rapido kconfig --check fstests-xfs nfsd-xfs
  rapido kconfig --check --kernel ~/linux`,
    })
    .description('print the kernel options that targets need')
    .argument('[name...]', 'targets (default: only what every VM needs)')
    .option(
      '--check',
      'list the options that the kernel lacks; exit with 1 if a required one is missing',
    )
    .addOption(OPTION.kernel)
    .action(async (names, _options, command) => {
      const { runKconfig } = await import('../show/kconfig.ts');
      call.finish(await runKconfig(names, command.optsWithGlobals(), await call.ui()));
    });
