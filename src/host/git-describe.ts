import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UserError } from '../errors.ts';
import { runTool } from '../sys/exec.ts';
import { isDirectory } from '../sys/stat.ts';

/** What is checked out in a kernel tree. A field without a value is unknown. */
export interface Source {
  /** `git describe`: `v6.12-rc3-14-gdeadbeef-dirty`. */
  git?: string;
  /** Hash of the commit. */
  commit?: string;
  /** undefined: HEAD is detached. */
  branch?: string;
}

/**
 * Asks git what is checked out in a kernel tree; empty if it is not a git tree.
 * @param tree a source tree, or an O= build directory, whose link `source` points to one
 */
export async function describeSource(tree: string): Promise<Source> {
  if (!isDirectory(tree)) return {};
  const linked = join(tree, 'source');
  try {
    const source = realpathSync(isDirectory(linked) ? linked : tree);
    const [git, commit, branch] = await Promise.all([
      askGit(source, ['describe', '--always', '--tags', '--dirty']),
      askGit(source, ['rev-parse', 'HEAD']),
      askGit(source, ['branch', '--show-current']),
    ]);
    return { git, commit, ...(branch !== '' && { branch }) };
  } catch (error) {
    if (error instanceof UserError) return {};
    throw error;
  }
}

async function askGit(source: string, args: readonly string[]): Promise<string> {
  const answer = await runTool(['git', '-C', source, ...args], {
    purpose: `running git ${args[0]} in the kernel tree`,
    returns: 'stdout',
    timeout: 30_000,
    // With these variables, users allow git to read trees of other users (safe.directory).
    passes: ['GIT_CONFIG_GLOBAL', 'GIT_CONFIG_SYSTEM'],
    // Ignore a repository that only contains the kernel tree.
    env: { GIT_CEILING_DIRECTORIES: dirname(source) },
  });
  return answer.trim();
}
