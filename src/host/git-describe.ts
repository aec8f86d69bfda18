import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UserError } from '../errors.ts';
import { runTool } from '../sys/exec.ts';
import { isDirectory } from '../sys/stat.ts';

/**
 * `git describe` of a kernel tree: `v6.12-rc3-14-gdeadbeef-dirty`; undefined if it is not a git tree.
 * @param tree a source tree, or an O= build directory, whose link `source` points to one
 */
export async function describeSource(tree: string): Promise<string | undefined> {
  if (!isDirectory(tree)) return undefined;
  const linked = join(tree, 'source');
  try {
    const source = realpathSync(isDirectory(linked) ? linked : tree);
    const described = await runTool(
      ['git', '-C', source, 'describe', '--always', '--tags', '--dirty'],
      {
        purpose: 'running git describe in the kernel tree',
        returns: 'stdout',
        timeout: 30_000,
        // With these variables, users allow git to read trees of other users (safe.directory).
        passes: ['GIT_CONFIG_GLOBAL', 'GIT_CONFIG_SYSTEM'],
        // Ignore a repository that only contains the kernel tree.
        env: { GIT_CEILING_DIRECTORIES: dirname(source) },
      },
    );
    return described.trim();
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}
