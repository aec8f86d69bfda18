import { Argument } from '@commander-js/extra-typings';
import { type Definition, GROUP } from '../cli/definition.ts';

/** What the completion scripts call for names that only rapido knows. */
export const names: Definition = (call) =>
  call
    .command('__names', {
      group: GROUP.host,
      examples: `
  rapido __names cuts`,
    })
    .description('print names for command-line completion, one per line')
    .addArgument(new Argument('<kind>').choices(['cuts', 'vms', 'runs', 'keys']))
    .action(async (kind, _options, command) => {
      const { runNames } = await import('../show/names.ts');
      call.finish(await runNames(kind, command.optsWithGlobals(), await call.ui()));
    });
