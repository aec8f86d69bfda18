import { runTool } from '../sys/exec.ts';
import { cleaningUpOnSignals } from '../sys/signals.ts';
import type { RunContext } from './context.ts';
import { catchUserError } from './plan.ts';

/**
 * Runs the program of RESULTS_HOOK with the directory of the run, which has ended, as its argument. What it prints goes
 * to stderr, and a failure is only a warning.
 * @param status the exit status of rapido, also if a signal ends the hook
 */
export async function runHook(run: RunContext, status: () => number): Promise<void> {
  const { conf, context, directory } = run;
  const hook = conf.get('RESULTS_HOOK');
  if (hook === undefined) return;
  const { ui, cwd } = context;
  const failure = await cleaningUpOnSignals(
    () =>
      catchUserError(async () => {
        await runTool([hook, directory.path], {
          cwd,
          environment: 'inherited',
          purpose: 'RESULTS_HOOK',
          onLine: (line) => ui.note(line),
        });
      }),
    status,
  );
  if (failure !== undefined) ui.warn(failure.message);
}
