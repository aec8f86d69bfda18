import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { UserError } from '../errors.ts';
import { toolEnvironment } from './environment.ts';
import { explainSpawnError, spawnProcess } from './spawn.ts';

/**
 * Runs `work` while this process alone holds `path`, waiting for its turn.
 *
 * Node has no flock(2), so util-linux's flock holds the lock around a `cat` that echoes one byte
 * once it runs, and ends when we close its input. The kernel frees the lock if either dies: there
 * is no stale lock to clean up.
 */
export async function withLock<T>(path: string, work: () => T | Promise<T>): Promise<T> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const holder = spawnProcess('flock', ['--exclusive', path, 'cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: toolEnvironment(process.env),
  });
  const ended = new Promise<never>((_, reject) => {
    holder.once('error', (cause) =>
      reject(explainSpawnError('flock', cause, 'install util-linux, or run `rapido doctor`')),
    );
    holder.once('exit', (status) =>
      reject(new UserError(`${path}: cannot be locked (flock exited with ${status})`)),
    );
  });
  ended.catch(() => {}); // It also exits after the work, when nobody waits for this any more.
  const [stdin, stdout] = [holder.stdin!, holder.stdout!];
  stdin.on('error', () => {}); // A flock that failed has closed its input: `ended` tells.
  stdin.write('\n');
  await Promise.race([once(stdout, 'data'), ended]);
  try {
    return await work();
  } finally {
    stdin.end();
  }
}
