import { type Definition, GROUP } from '../cli/definition.ts';
import { EXPORT_OPTION, OPTION } from '../cli/options.ts';

export const results: Definition = (call) =>
  call
    .command('results', {
      group: GROUP.run,
      examples: `
  rapido results                     list runs, newest first
  rapido results latest
  rapido results --cut fstests-xfs   list one target's runs
  rapido results --test xfs/003      show the history of a test
  rapido results latest:fstests-xfs  show the latest run of that target
  rapido results latest~1 latest     compare; the exit status is 1 if anything regressed
  rapido results latest --html run.html
  rapido results latest --export junit --to junit.xml
  rapido results --html all.html     the history of all tests`,
    })
    .description('list past runs, show one, or compare two')
    .usage('[options] [run] [other]')
    .argument(
      '[run]',
      'a run: its ID (the start or end is enough), latest, latest~1, latest:TARGET, or a path',
    )
    .argument('[other]', 'another run to compare it with')
    .option('--cut <name>', 'list only runs of this target')
    .option(
      '--kernel <text>',
      'list only runs whose kernel release or git description contains this text',
    )
    .option('--verdict <verdict>', 'list only runs with this verdict, or running, lost, unreadable')
    .option('--since <date>', 'list only runs since then: 2026-11-23, 2026-11-23T10:15, 7d')
    .option('--until <date>', 'list only runs until then')
    .option('--test <test>', 'print the history of a test in all runs')
    .option('--report <title>', 'print the history of kernel reports whose title contains this')
    .option('--flaky', 'list the tests that change between passing and failing')
    .option('--results <dir>', 'look for runs in this directory')
    .addOption(OPTION.json)
    .option('--html <file>', 'write a page for a browser instead of printing')
    .addOption(EXPORT_OPTION)
    .option('--to <path>', 'write the export to this file, or directory for squad and openqa')
    .option('--origin <system>', 'name of the CI system that submits to KCIDB (default: rapido)')
    .action(async (run, other, _options, command) => {
      const { runResults } = await import('../show/results.ts');
      const names = [run, other].filter((name) => name !== undefined);
      call.finish(await runResults(names, command.optsWithGlobals(), await call.ui()));
    });
