import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { CHECKOUT, type Finished, run } from './workspace.ts';

/** Compiles TypeScript for a separate Node process, because Node 20 cannot run TypeScript. */
export function compileScript(directory: string, name: string, source: string): string {
  const script = join(directory, `${name}.mjs`);
  buildSync({
    stdin: { contents: source, resolveDir: join(CHECKOUT, 'src'), loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    outfile: script,
    logLevel: 'error',
  });
  return script;
}

/** Runs a compiled script and waits for its end. @throws if it fails */
export async function runScript(
  script: string,
  args: readonly string[] = [],
  prefix: readonly string[] = [],
): Promise<Finished> {
  const finished = await run([process.execPath, script, ...args], { prefix });
  if (finished.status !== 0) throw new Error(`${script} failed: ${finished.stderr}`);
  return finished;
}

/** Prefix of a command line that runs it as an ordinary user; empty if this process is not root. */
export const ORDINARY_USER: readonly string[] =
  process.getuid?.() === 0
    ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--']
    : [];
