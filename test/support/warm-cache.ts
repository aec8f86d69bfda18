import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** Directory with the layers of simple-example and the kernel unpacked from the host's. */
    warmCache?: string;
  }
}

const RAPIDO = fileURLToPath(new URL('../../bin/rapido.js', import.meta.url));

/**
 * Cuts and boots simple-example once for all files that boot VMs. Each of their workspaces begins with a copy of
 * what that leaves in the cache, which saves every file some seconds.
 */
export default async function warmCache({ provide }: TestProject): Promise<() => void> {
  const home = mkdtempSync(join(tmpdir(), 'rapido cache-'));
  const runtime = join(home, 'run');
  mkdirSync(runtime, { mode: 0o700 });
  // If it fails, the tests say why.
  await execa(process.execPath, [RAPIDO, 'run', 'simple-example', '--', 'true'], {
    cwd: home,
    env: { PATH: process.env.PATH, HOME: home, XDG_RUNTIME_DIR: runtime },
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
  });
  const cache = join(home, '.cache/rapido');
  if (existsSync(cache)) provide('warmCache', cache);
  return () => rmSync(home, { recursive: true, force: true });
}
