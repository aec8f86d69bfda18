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

/** A command to which its definition adds arguments and options of inferred types. */
type NewCommand = Command<[], Record<never, never>, Pick<GlobalOptions, keyof GlobalOptions>>;

/** Defines a command; its work is imported only when the command is called. */
export type Definition = (call: Call) => CommandUnknownOpts;

/** One call of the command line, as definitions of commands see it. */
export interface Call {
  /** What follows `--`; undefined: there was no `--`. */
  rest: readonly string[] | undefined;
  /** A new command that has the settings of all commands. */
  command: (name: string, texts: CommandTexts) => NewCommand;
  ui: () => Promise<Ui>;
  /** Takes the exit status of the process. */
  finish: (status: number) => void;
}

interface CommandTexts {
  group: (typeof GROUP)[keyof typeof GROUP];
  /** Lines below the heading "Examples:" of its help. */
  examples: string;
  /** Follows a mistake in its arguments; by default it names the command's help. */
  hint?: string;
  /** Whether words may follow `--`. */
  takesRest?: boolean;
}

/**
 * @param program whose settings its commands inherit
 * @param finish takes the exit status
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
  throw new UserError(`rapido ${name}: nothing may follow \`--\``, {
    exitCode: EXIT.usage,
    hint: '`rapido boot -- …` passes arguments on to QEMU',
  });
}
