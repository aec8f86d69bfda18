import { type Definition, GROUP } from '../cli/definition.ts';
import { OPTION } from '../cli/options.ts';

export const results: Definition = (call) =>
  call
    .command('results', {
      group: GROUP.run,
      examples: `
  rapido results                     list runs, newest first
  rapido results latest
  rapido results --cut fstests-xfs   list the runs of one target
  rapido results latest:fstests-xfs  show the latest of them
  rapido results latest~1 latest     compare; exit status 1 for a regression
  rapido results latest --html run.html
  rapido results --html all.html     the history of all tests`,
    })
    .description('list past runs, show one, or compare two')
    .argument(
      '[run]',
      'a run: its ID or the beginning or end of it, latest, latest~1, latest:CUT, or a path',
    )
    .argument('[other]', 'a run to compare it with')
    .option('--cut <name>', 'list only runs of this target')
    .option('--results <dir>', 'directory of the runs')
    .addOption(OPTION.json)
    .option('--html <file>', 'write a page for a browser instead of printing')
    .action(async (run, other, _options, command) => {
      const { runResults } = await import('../show/results.ts');
      const names = [run, other].filter((name) => name !== undefined);
      call.finish(await runResults(names, command.optsWithGlobals(), await call.ui()));
    });
