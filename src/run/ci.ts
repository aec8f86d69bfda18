import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { markSection } from '../export/ci.ts';
import { formatGithubAnnotations, formatGithubSummary, LARGEST_SUMMARY } from '../export/github.ts';
import { statIfReachable } from '../sys/stat.ts';
import type { CiSections, RunContext } from './context.ts';

export function createSections({
  settings,
  context,
  result,
}: Pick<RunContext, 'settings' | 'context' | 'result'>): CiSections {
  const system = result.ci?.system;
  if (system === undefined || settings.quiet === true) return { enter: () => {}, end: () => {} };
  let open: ReturnType<typeof markSection> | undefined;
  const now = (): number => Math.floor(Date.now() / 1000);
  const write = (lines: readonly string[]): void => lines.forEach(context.ui.mark);
  const end = (): void => {
    if (open !== undefined) write(open.end(now()));
    open = undefined;
  };
  return {
    enter: (section) => {
      end();
      open = markSection(system, section, randomBytes(16).toString('hex'));
      write(open.begin(now()));
    },
    end,
  };
}

/** In a CI job, prints where the results are; on GitHub, also writes the summary of the step and annotations. */
export function reportToCi({ settings, context, result, directory }: RunContext): void {
  const { ui, env } = context;
  if (result.ci === undefined || settings.quiet === true) return;
  if (result.ci.system === 'github') {
    formatGithubAnnotations(result).forEach(ui.mark);
    if (env.GITHUB_STEP_SUMMARY) {
      try {
        appendSummary(env.GITHUB_STEP_SUMMARY, result);
      } catch (error) {
        ui.warn(`the summary of the step cannot be written: ${(error as Error).message}`);
      }
    }
  }
  const files = [settings.junit, settings.html].filter((file) => file !== undefined);
  for (const path of [directory.path, ...files]) ui.note(`  artefact: ${path}`);
}

/** Several runs of a step share one file. */
function appendSummary(path: string, result: RunContext['result']): void {
  const used = statIfReachable(path)?.size ?? 0;
  const summary = formatGithubSummary(result, LARGEST_SUMMARY - used - 1);
  if (summary !== '') appendFileSync(path, `${used > 0 ? '\n' : ''}${summary}`);
}
