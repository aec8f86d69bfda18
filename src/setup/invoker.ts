import { homedir } from 'node:os';
import type { Context } from '../cli/context.ts';
import { runTool } from '../sys/exec.ts';

/** The user for whom rapido acts: the one who called sudo, otherwise the user of this process. */
export interface Invoker {
  uid: number;
  gid: number;
  home: string;
}

/** SUDO_UID and SUDO_GID are set by sudo(8); if root calls sudo, they name root. */
export async function findInvoker(env: Context['env']): Promise<Invoker> {
  const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const [uid, gid] = [env.SUDO_UID, env.SUDO_GID].map((text) =>
    /^\d+$/.test(text ?? '') ? Number(text) : undefined,
  );
  if (own.uid !== 0 || uid === undefined || gid === undefined || uid === 0) {
    return { ...own, home: env.HOME || homedir() };
  }
  const entry = await runTool(['getent', 'passwd', String(uid)], {
    purpose: 'looking up the user who called sudo',
    returns: 'stdout',
  });
  return { uid, gid, home: entry.split(':')[5] || '/' };
}

/** @returns a command line with which root runs `argv` as the invoker */
export function runAsInvoker(
  argv: readonly [string, ...string[]],
  { uid, gid }: Invoker,
): [string, ...string[]] {
  if (uid === process.getuid?.()) return [...argv];
  return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--', ...argv];
}
