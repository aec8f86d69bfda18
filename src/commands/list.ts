import { type Definition, GROUP } from '../cli/definition.ts';
import { OPTION } from '../cli/options.ts';

export const list: Definition = (call) =>
  call
    .command('list', {
      group: GROUP.build,
      examples: `
  rapido list
  rapido list --json | jq -r '.[].name'
  rapido --cut-dir ~/my-cuts list`,
    })
    .description('list all targets')
    .addOption(OPTION.json)
    .action(async (_options, command) => {
      const { runList } = await import('../show/list.ts');
      call.finish(await runList(command.optsWithGlobals(), await call.ui()));
    });
