import { homedir } from 'node:os';
import type { Context } from '../cli/context.ts';
import { runTool } from '../sys/exec.ts';

/** The user on whose behalf root acts: the one behind sudo, else the one that runs this process. */
export interface Invoker {
  uid: number;
  gid: number;
  home: string;
}

/** SUDO_UID and SUDO_GID are what sudo(8) leaves; `sudo` by root is nobody else. */
export async function findInvoker(env: Context['env']): Promise<Invoker> {
  const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const [uid, gid] = [env.SUDO_UID, env.SUDO_GID].map((text) =>
    /^\d+$/.test(text ?? '') ? Number(text) : undefined,
  );
  if (own.uid !== 0 || uid === undefined || gid === undefined || uid === 0) {
    return { ...own, home: env.HOME || homedir() };
  }
  const entry = await runTool(['getent', 'passwd', String(uid)], {
    purpose: 'looking up the user behind sudo',
    returns: 'stdout',
  });
  return { uid, gid, home: entry.split(':')[5] || '/' };
}

/** A command line that root runs as the invoker. */
export function runAsInvoker(
  argv: readonly [string, ...string[]],
  { uid, gid }: Invoker,
): [string, ...string[]] {
  if (uid === process.getuid?.()) return [...argv];
  return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--', ...argv];
}
