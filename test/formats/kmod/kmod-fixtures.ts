import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { LayerFile } from '../../../src/formats/kmod/modules.ts';
import {
  createModuleIndex,
  type ModuleIndex,
  type ModuleIndexTexts,
} from '../../../src/formats/kmod/resolve.ts';
import { packedSuffix } from '../../support/module-file.ts';

/** `/lib/modules/RELEASE` of a distribution's kernel on this host, and its release. */
export const installed = ((): { directory: string; release: string } | undefined => {
  const root = '/lib/modules';
  if (!existsSync(root)) return undefined;
  const release = readdirSync(root).find(
    (name) =>
      existsSync(join(root, name, 'modules.dep')) &&
      packedSuffix(join(root, name, 'kernel/fs/xfs/xfs.ko')) !== undefined,
  );
  return release === undefined ? undefined : { directory: join(root, release), release };
})();

export function hasProgram(name: string): boolean {
  const path = `${process.env.PATH}:/usr/sbin:/sbin`;
  return path.split(':').some((directory) => existsSync(join(directory, name)));
}

/** A directory that is removed after the test. */
export function makeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'rapido-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Unpacks a layer as the kernel would. */
export function writeLayer(root: string, files: readonly LayerFile[]): void {
  for (const file of files) {
    const path = join(root, file.path);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, contentOf(file));
  }
}

export function contentOf(file: LayerFile): Buffer {
  return 'data' in file ? file.data : readFileSync(file.file);
}

/**
 * stdout and stderr of `modprobe -d ROOT -S RELEASE …`, paths without the module directory and as if no module were
 * packed, and its status.
 */
export function modprobe(root: string, release: string, ...args: string[]): string {
  const argv = ['-d', root, '-S', release, ...args];
  try {
    return execFileSync('modprobe', argv, { encoding: 'utf8', stdio: 'pipe', env: kmodPath() })
      .replace(/ \/\S*lib\/modules\/[^/ ]+\//g, ' ')
      .replace(/\.ko\.(xz|zst|gz)\b/g, '.ko')
      .replace(/ +$/gm, '');
  } catch (error) {
    const { status, stdout, stderr } = error as { status: number; stdout: string; stderr: string };
    return `${stdout}${stderr}exit status ${status}`;
  }
}

export function depmod(root: string, release: string): void {
  execFileSync('depmod', ['-b', root, release], { stdio: 'pipe', env: kmodPath() });
}

function kmodPath(): Record<string, string> {
  return { PATH: `${process.env.PATH}:/usr/sbin:/sbin`, LC_ALL: 'C' };
}

/** An index of made-up files. */
export function makeIndex(texts: Partial<ModuleIndexTexts> & { alias?: string }): ModuleIndex {
  return createModuleIndex({
    dep: '',
    softdep: '',
    weakdep: '',
    builtin: '',
    readAliasBinary: () => undefined,
    readAlias: () => texts.alias ?? '',
    readBuiltinModinfo: () => '',
    ...texts,
  });
}
