import { buildConf, type Conf } from '../../src/conf/conf.ts';
import type { ConfKeyTable } from '../../src/conf/key.ts';
import { UsageError } from '../../src/errors.ts';

interface Around {
  env?: Record<string, string>;
  extraKeys?: ConfKeyTable;
}

/** The conf of a file /project/rapido.conf with this text, with a separate home directory and environment. */
export function readConf(text: string, { env = {}, extraKeys = {} }: Around = {}): Conf {
  return buildConf({
    source: { path: '/project/rapido.conf', name: 'rapido.conf', text },
    surroundings: { env: { HOME: '/home/me', ...env }, cwd: '/project/deep', rapidoDir: '/rapido' },
    extraKeys,
  });
}

/** What a user reads below the first line of the error. */
export function problemsOf(action: () => unknown): readonly string[] {
  try {
    action();
  } catch (error) {
    if (error instanceof UsageError)
      return error.problems.length > 0 ? error.problems : [error.message];
    throw error;
  }
  throw new Error('nothing was refused');
}

export function refusal(text: string, around?: Around): string {
  return problemsOf(() => readConf(text, around)).join('\n');
}
