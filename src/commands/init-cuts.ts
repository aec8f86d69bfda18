import { type Definition, GROUP } from '../cli/definition.ts';

export const initCuts: Definition = (call) =>
  call
    .command('init-cuts', {
      group: GROUP.host,
      examples: `
  rapido init-cuts                   in ~/.config/rapido/cuts, where rapido finds them
  rapido init-cuts ./cuts            for a project; name it with --cut-dir or CUT_DIR
Existing files are not overwritten. If the directory already contains cuts, only tsconfig.json is written.`,
    })
    .description('write a first cut, and a tsconfig.json with types for your editor')
    .argument('[dir]', 'directory of your cuts (default: ~/.config/rapido/cuts)')
    .action(async (directory, _options, command) => {
      const { runInitCuts } = await import('../setup/init-cuts.ts');
      call.finish(await runInitCuts(directory, command.optsWithGlobals(), await call.ui()));
    });
