import { Option } from '@commander-js/extra-typings';
import { type Definition, GROUP } from '../cli/definition.ts';
import { collect, OPTION } from '../cli/options.ts';

export const conf: Definition = (call) =>
  call
    .command('conf', {
      group: GROUP.host,
      examples: `
  rapido conf
  rapido conf KERNEL_SRC IMAGE_DIR
  KERNEL_SRC=/other/linux rapido conf KERNEL_SRC
  rapido conf --set KERNEL_SRC=~/linux --set VM_MEMORY=2G
  rapido conf --unset VM_MEMORY`,
    })
    .description('show configuration keys, their values and where each is set, or change them')
    .argument('[key...]', 'keys to show (default: all)')
    .addOption(
      new Option('--set <key=value>', 'set a key in rapido.conf (repeatable)').argParser(collect),
    )
    .addOption(
      new Option('--unset <key>', 'remove a key from rapido.conf (repeatable)').argParser(collect),
    )
    .addOption(OPTION.json)
    .action(async (keys, _options, command) => {
      const { runConf } = await import('../show/conf.ts');
      call.finish(await runConf(keys, command.optsWithGlobals(), await call.ui()));
    });
