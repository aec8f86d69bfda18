import type { Conf } from '../conf/conf.ts';
import { userConfFile } from '../conf/find.ts';
import { exampleValue } from '../conf/types.ts';
import { type DependsOn, UserError } from '../errors.ts';
import { suggestInstall } from '../host/distribution.ts';
import { formatCommandLine } from '../sys/command-line.ts';
import type { Problem, ResolveRequest } from './resolve-request.ts';

/**
 * Reports all problems at once, with what solves them.
 * @throws UserError unless there are none
 */
export function refuseProblems(
  { cut, conf }: Pick<ResolveRequest, 'cut' | 'conf'>,
  found: readonly Problem[],
): void {
  if (found.length === 0) return;
  const problems = found.filter(
    ({ unset }, index) =>
      unset === undefined || found.findIndex((each) => each.unset === unset) === index,
  );
  const programs = problems.map(({ program }) => program).filter((name) => name !== undefined);
  const hints = [
    suggestSettings(conf, problems),
    suggestInstall(programs),
    suggestOptions(problems, cut.name),
  ].filter((hint) => hint !== undefined);
  throw new UserError(
    `${cut.name} cannot be cut: ${problems.length === 1 ? 'something is' : `${problems.length} things are`} missing`,
    {
      problems: problems.map(({ message }) => message),
      dependsOn: combineDependencies(problems),
      ...(hints.length > 0 && { hint: hints.join('; ') }),
    },
  );
}

/** The lines to write to the conf, with an example of each value; undefined if no known key is unset. */
function suggestSettings(conf: Conf, problems: readonly Problem[]): string | undefined {
  const lines = problems.flatMap(({ unset }) => {
    const entry = unset === undefined ? undefined : conf.entry(unset);
    return entry === undefined ? [] : [`${entry.name}="${exampleValue(entry.key) ?? '…'}"`];
  });
  if (lines.length === 0) return undefined;
  const file = conf.source?.name ?? userConfFile(conf.input.surroundings);
  return `add to ${file}, for example: ${lines.join(', ')}`;
}

function suggestOptions(problems: readonly Problem[], cut: string): string | undefined {
  if (!problems.some(({ option }) => option !== undefined)) return undefined;
  return `${formatCommandLine(['rapido', 'kconfig', cut])} prints the options, for scripts/kconfig/merge_config.sh`;
}

/** What another commit must change to solve all problems; undefined if one of them has nothing to do with the commit. */
function combineDependencies(problems: readonly Problem[]): DependsOn | undefined {
  const needed = problems.map(({ dependsOn }) => dependsOn);
  if (needed.includes(undefined)) return undefined;
  // If one needs another kernel, another checkout alone does not help: an installed kernel stays the same.
  return needed.includes('kernel') ? 'kernel' : 'checkout';
}
