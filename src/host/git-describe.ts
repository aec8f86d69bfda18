import { UserError } from '../errors.ts';
import { runTool } from '../sys/exec.ts';

/** `git describe` of a source tree: `v6.12-rc3-14-gdeadbeef-dirty`; undefined where there is no git. */
export async function describeSource(tree: string): Promise<string | undefined> {
  try {
    const described = await runTool(
      ['git', '-C', tree, 'describe', '--always', '--tags', '--dirty'],
      { purpose: 'asking git for the version of the kernel', timeout: 30_000 },
    );
    return described.trim();
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}
