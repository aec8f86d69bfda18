import type { Context } from '../cli/context.ts';
import type { Conf } from '../conf/conf.ts';
import type { LoadedCut } from '../cut/load.ts';
import type { RunDirectory } from '../results/store.ts';
import type { EndingSignal } from '../sys/signals.ts';
import type { RunOptions, RunSettings } from './settings.ts';

/** One `rapido run`: the options, the conf and the cut. */
export interface Job {
  options: RunOptions;
  settings: RunSettings;
  context: Context;
  cut: LoadedCut;
  conf: Conf;
}

export interface StartedJob extends Job {
  /** Directory of its results. */
  run: RunDirectory;
  /** Records in the result that a signal ended the run. @returns the exit status */
  onInterrupt: (signal: EndingSignal) => number;
}

/** Shows the current step on a terminal. If stderr is not a terminal, it carries only the command's output. */
export function showProgress({ options, context: { ui } }: Job, step: string): void {
  if (ui.isLive && options.quiet !== true && options.console !== true) ui.progress(step);
}
