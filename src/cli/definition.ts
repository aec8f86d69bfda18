import { Command, type CommandUnknownOpts } from '@commander-js/extra-typings';
import { EXIT, UserError } from '../errors.ts';
import type { Ui } from '../ui/terminal.ts';
import type { GlobalOptions } from './context.ts';

/** The groups of commands in `rapido --help`, in their order there. */
export const GROUP = {
  build: 'Build and boot:',
  run: 'Unattended runs:',
  vms: 'Running VMs:',
  host: 'Host and configuration:',
} as const;

/** A new command. Its definition adds arguments and options, whose types are inferred. */
type NewCommand = Command<[], Record<never, never>, Pick<GlobalOptions, keyof GlobalOptions>>;

/** Defines a command. Its implementation is imported only when the command is called. */
export type Definition = (call: Call) => CommandUnknownOpts;

/** What the definitions of commands get for one command line. */
export interface Call {
  /** The words after `--`; undefined: there is no `--`. */
  rest: readonly string[] | undefined;
  /** Creates a command with the settings that all commands share. */
  command: (name: string, texts: CommandTexts) => NewCommand;
  ui: () => Promise<Ui>;
  /** Sets the exit status of the process. */
  finish: (status: number) => void;
}

interface CommandTexts {
  group: (typeof GROUP)[keyof typeof GROUP];
  /** Lines below the heading "Examples:" of its help. */
  examples: string;
  /** Printed after a mistake in its arguments; by default it refers to the help of the command. */
  hint?: string;
  /** Whether words may follow `--`. */
  takesRest?: boolean;
}

/**
 * @param program its settings are inherited by the commands
 * @param finish sets the exit status
 */
export function createCall(
  program: CommandUnknownOpts,
  { rest, finish }: Pick<Call, 'rest' | 'finish'>,
): Call {
  return {
    rest,
    finish,
    ui: async () => {
      const { createUi } = await import('../ui/terminal.ts');
      return createUi(process.stdout, process.stderr, process.env);
    },
    command: (name, { group, examples, hint, takesRest }) => {
      const command: NewCommand = new Command(name)
        .copyInheritedSettings(program)
        .helpGroup(group)
        .showHelpAfterError(`  hint: ${hint ?? `\`rapido ${name} --help\` shows examples`}`)
        .addHelpText('after', `\nExamples:${examples}`);
      if (takesRest !== true) command.hook('preAction', () => refuseRest(name, rest));
      return command;
    },
  };
}

function refuseRest(name: string, rest: readonly string[] | undefined): void {
  if (rest === undefined) return;
  throw new UserError(`rapido ${name}: arguments after \`--\` are not supported`, {
    exitCode: EXIT.usage,
    hint: '`rapido boot -- …` passes arguments to QEMU',
  });
}
