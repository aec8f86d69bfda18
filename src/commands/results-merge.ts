import { type Definition, GROUP } from '../cli/definition.ts';

/** A subcommand of `results`. */
export const resultsMerge: Definition = (call) =>
  call
    .command('merge', {
      group: GROUP.run,
      hint: '`rapido results merge --help` shows examples',
      examples: `
  rapido results merge part-1 part-2 -o whole
  rapido results merge ci/* -o whole && rapido results ./whole --html whole.html
Exit status: that of the worst part, as \`rapido run\` has it.`,
    })
    .description('make one run of the parts of a job that was split (`rapido run --shard`)')
    .argument('<run...>', 'the parts: runs, or directories with runs')
    .requiredOption('-o, --output <dir>', 'write the merged run to this new directory')
    .action(async (runs, _options, command) => {
      const { mergeRuns } = await import('../show/merge.ts');
      call.finish(await mergeRuns(runs, command.optsWithGlobals(), await call.ui()));
    });
