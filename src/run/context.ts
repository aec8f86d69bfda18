import type { Context } from '../cli/context.ts';
import type { Conf } from '../conf/conf.ts';
import type { LoadedCut } from '../cut/load.ts';
import type { RunDirectory } from '../results/store.ts';
import type { EndingSignal } from '../sys/signals.ts';
import type { RunOptions, RunSettings } from './settings.ts';

/** One `rapido run`: what the command line and the conf say. */
export interface Job {
  options: RunOptions;
  settings: RunSettings;
  context: Context;
  cut: LoadedCut;
  conf: Conf;
}

export interface StartedJob extends Job {
  /** Where its results go. */
  run: RunDirectory;
  /** Notes that a signal ended it, wherever it was. @returns the exit status */
  onInterrupt: (signal: EndingSignal) => number;
}

/** Says on a terminal what is being done; elsewhere, stderr is the command's. */
export function showProgress({ options, context: { ui } }: Job, step: string): void {
  if (ui.isLive && options.quiet !== true && options.console !== true) ui.progress(step);
}
