import type { RunCi, RunResult } from '../results/run-result.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Which CI job, which part of it, and which attempt; empty outside of a CI system that rapido knows. */
export type CiJob = Pick<RunResult, 'ci' | 'shard' | 'attempt'>;

/**
 * Finds out about the CI job from its variables.
 * - GitHub: https://docs.github.com/actions/reference/workflows-and-actions/variables
 * - GitLab: https://docs.gitlab.com/ci/variables/predefined_variables/; a shard is a job of `parallel: N`.
 */
export function detectCi(env: Environment): CiJob {
  if (env.GITHUB_ACTIONS === 'true') {
    const attempt = positive(env.GITHUB_RUN_ATTEMPT);
    return {
      ci: { system: 'github', ...urlOf(githubUrl(env)) },
      ...(attempt !== undefined && { attempt }),
    };
  }
  if (env.GITLAB_CI !== 'true') return {};
  const [index, count] = [positive(env.CI_NODE_INDEX), positive(env.CI_NODE_TOTAL)];
  const isShard = index !== undefined && count !== undefined && count > 1;
  return {
    ci: { system: 'gitlab', ...urlOf(env.CI_JOB_URL) },
    ...(isShard && { shard: { index, count } }),
  };
}

function githubUrl(env: Environment): string | undefined {
  const { GITHUB_SERVER_URL, GITHUB_REPOSITORY, GITHUB_RUN_ID } = env;
  const parts = [GITHUB_SERVER_URL, GITHUB_REPOSITORY, GITHUB_RUN_ID];
  if (!parts.every(Boolean)) return undefined;
  return `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}/actions/runs/${GITHUB_RUN_ID}`;
}

function urlOf(url: string | undefined): Pick<RunCi, 'url'> {
  return url === undefined || !URL.canParse(url) ? {} : { url };
}

function positive(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined;
}

/** A section of the log of a CI job that folds. */
export interface Section {
  /** Letters and `_`. */
  name: string;
  title: string;
  /** Whether it has output of the guest. */
  hasGuestOutput: boolean;
}

/**
 * The lines before a section and after it.
 *
 * On GitHub, no line of the guest's output is a command (`::error::…`, `::add-mask::…`): `stop-commands` ends with a
 * word that the guest does not know.
 * @param word that nobody can guess
 * @param seconds now, since 1970
 */
export function markSection(
  system: RunCi['system'],
  { name, title, hasGuestOutput }: Section,
  word: string,
): { begin: (seconds: number) => string[]; end: (seconds: number) => string[] } {
  if (system === 'gitlab') {
    // https://docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections
    return {
      begin: (seconds) => [
        `${ERASE}section_start:${seconds}:${name}[collapsed=true]\r${ERASE}${title}`,
      ],
      end: (seconds) => [`${ERASE}section_end:${seconds}:${name}\r${ERASE}`],
    };
  }
  return {
    begin: () => [`::group::${title}`, ...(hasGuestOutput ? [`::stop-commands::${word}`] : [])],
    end: () => [...(hasGuestOutput ? [`::${word}::`] : []), '::endgroup::'],
  };
}

const ERASE = '\x1b[0K';
