import { cpSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKOUT, run } from './workspace.ts';

/**
 * Packs a copy of the checkout as it is built, installs the package without a network into an empty prefix, and moves
 * the copy away.
 * @param directory where all of this is done
 * @returns the path of the installed program
 */
export async function installPackage(directory: string): Promise<string> {
  const copy = join(directory, 'copy of the checkout');
  const { files } = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8'));
  const needed = [...files, 'package.json', 'LICENSE', 'README.md', 'node_modules/jiti'];
  for (const name of needed) cpSync(join(CHECKOUT, name), join(copy, name), { recursive: true });
  // --ignore-scripts: `prepack` would build again, and the copy has no compiler.
  const packed = await npm(['pack', '--ignore-scripts', '--silent'], copy);
  const prefix = join(directory, 'prefix');
  mkdirSync(prefix);
  const install = ['install', '--global', '--offline', '--loglevel=error', '--prefix', prefix];
  await npm([...install, join(copy, packed.trim())], directory);
  renameSync(copy, join(directory, 'gone'));
  return join(prefix, 'bin/rapido');
}

async function npm(args: readonly string[], directory: string): Promise<string> {
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: directory,
    npm_config_update_notifier: 'false',
  };
  const { status, stdout, stderr } = await run(['npm', ...args], { cwd: directory, env });
  if (status !== 0) throw new Error(`npm ${args.join(' ')}: ${stderr}`);
  return stdout;
}
