import type { GlobalOptions } from '../cli/context.ts';
import { type Definition, GROUP } from '../cli/definition.ts';

export const doctor: Definition = (call) =>
  call
    .command('doctor', {
      group: GROUP.host,
      examples: `
  rapido doctor`,
    })
    .description('check whether this host has what rapido needs')
    .action(async (_options, command) => {
      const { runDoctor } = await import('../show/doctor.ts');
      call.finish(await runDoctor(command.optsWithGlobals() as GlobalOptions, await call.ui()));
    });
