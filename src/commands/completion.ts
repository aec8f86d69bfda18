import { Argument } from '@commander-js/extra-typings';
import { type Definition, GROUP } from '../cli/definition.ts';

export const completion: Definition = (call) =>
  call
    .command('completion', {
      group: GROUP.host,
      examples: `
  source <(rapido completion bash)   in this shell
  rapido completion bash > ~/.local/share/bash-completion/completions/rapido
  rapido completion zsh > DIR/_rapido    in a directory DIR of $fpath
  rapido completion fish > ~/.config/fish/completions/rapido.fish`,
    })
    .description('print a completion script for a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh', 'fish']))
    .action(async (shell, _options, command) => {
      const { runCompletion } = await import('../show/completion.ts');
      call.finish(await runCompletion(shell, command.optsWithGlobals(), await call.ui()));
    });
