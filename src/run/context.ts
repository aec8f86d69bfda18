import type { Context } from '../cli/context.ts';
import type { Conf } from '../conf/conf.ts';
import type { LoadedCut } from '../cut/load.ts';
import type { Section } from '../export/ci.ts';
import type { RunResult } from '../results/run-result.ts';
import type { RunDirectory } from '../results/store.ts';
import type { EndingSignal } from '../sys/signals.ts';
import type { RunSettings } from './settings.ts';

/** What the user asks for: all that is known before a run has a directory. */
export interface RunRequest {
  settings: RunSettings;
  /** The cut under test, and the conf with the keys that it defines. */
  cut: LoadedCut;
  conf: Conf;
  /** Of the call: directories, environment, terminal. */
  context: Context;
}

/** Folds parts of the log of a CI job. Does nothing elsewhere. */
export interface CiSections {
  /** Ends the current section and begins the next. */
  enter: (section: Section) => void;
  end: () => void;
}

/** One `rapido run`. Made once, together with its directory, and passed whole. */
export interface RunContext extends RunRequest {
  /** Directory of its results. */
  directory: RunDirectory;
  /** Filled in step by step, so that an interruption loses nothing of what is known. */
  result: RunResult;
  /** Parts of the log of a CI job. */
  sections: CiSections;
  /** Writes the result to the directory. @throws UserError */
  store: () => void;
  /** @returns whole milliseconds since the start of the run */
  elapsed: () => number;
  /** Records in the result that a signal ended the run. @returns the exit status */
  onInterrupt: (signal: EndingSignal) => number;
}

/** Whether stderr shows the current step. It carries other output with --console, or if it is not a terminal. */
export function hasProgress({ settings, context }: RunRequest): boolean {
  return context.ui.isLive && settings.quiet !== true && settings.console !== true;
}

export function showProgress(run: RunRequest, step: string): void {
  if (hasProgress(run)) run.context.ui.progress(step);
}
