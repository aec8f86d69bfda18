import { type Definition, GROUP } from '../cli/definition.ts';
import { OPTION } from '../cli/options.ts';

export const conf: Definition = (call) =>
  call
    .command('conf', {
      group: GROUP.host,
      examples: `
  rapido conf
  rapido conf KERNEL_SRC IMAGE_DIR
  KERNEL_SRC=/other/linux rapido conf KERNEL_SRC`,
    })
    .description('show configuration keys, their values and where each is set')
    .argument('[key...]', 'keys to show (default: all)')
    .addOption(OPTION.json)
    .action(async (keys, _options, command) => {
      const { runConf } = await import('../show/conf.ts');
      call.finish(await runConf(keys, command.optsWithGlobals(), await call.ui()));
    });
