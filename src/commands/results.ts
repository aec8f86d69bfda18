import { type Definition, GROUP } from '../cli/definition.ts';
import { OPTION } from '../cli/options.ts';

export const results: Definition = (call) =>
  call
    .command('results', {
      group: GROUP.run,
      examples: `
  rapido results                     the runs, newest first
  rapido results latest
  rapido results --cut fstests-xfs   the runs of one cut
  rapido results latest:fstests-xfs  the last of them
  rapido results latest~1 latest     what changed; exit status 1 if it got worse`,
    })
    .description('list the runs that were kept, show one, or compare two')
    .argument('[run]', 'a run: its name, the end of it, latest, latest~1, latest:CUT, or a path')
    .argument('[other]', 'another run, to compare it with')
    .option('--cut <name>', 'only runs of this cut')
    .option('--results <dir>', 'where the runs are')
    .addOption(OPTION.json)
    .action(async (run, other, _options, command) => {
      const { runResults } = await import('../show/results.ts');
      const names = [run, other].filter((name) => name !== undefined);
      call.finish(await runResults(names, command.optsWithGlobals(), await call.ui()));
    });
