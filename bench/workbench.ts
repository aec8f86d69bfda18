import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Cut } from '../src/cut/cut.ts';
import { type Candidate, runOnce } from './measure.ts';

export const CHECKOUT = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

/** A temporary home directory for the measurements. */
export interface Workbench {
  directory: string;
  env: Record<string, string>;
  cache: string;
  /** An empty directory. */
  empty: string;
  /** A command line of rapido as a candidate. */
  rapido: (name: string, args: readonly string[], more?: Partial<Candidate>) => Candidate;
  /** Runs rapido once, without measuring it. @returns its stdout */
  call: (args: readonly string[], env?: Record<string, string>) => Promise<string>;
  /** Creates a file below the home directory. @returns its absolute path */
  write: (name: string, content: string | Buffer, mode?: number) => string;
  /** Adds a cut of the user. */
  addCut: (name: string, cut: Omit<Cut, 'summary'>, script?: string) => void;
  remove: () => void;
}

export function makeWorkbench(): Workbench {
  const directory = mkdtempSync(join(tmpdir(), 'rapido-bench-'));
  const env = {
    HOME: directory,
    XDG_RUNTIME_DIR: join(directory, 'run'),
    XDG_CACHE_HOME: join(directory, 'cache'),
    XDG_CONFIG_HOME: join(directory, 'config'),
    XDG_STATE_HOME: join(directory, 'state'),
    RAPIDO_CONF: '/dev/null',
  };
  mkdirSync(env.XDG_RUNTIME_DIR, { mode: 0o700 });
  const empty = join(directory, 'empty');
  mkdirSync(empty);
  const write: Workbench['write'] = (name, content, mode = 0o644) => {
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content, { mode });
    return path;
  };
  const rapido: Workbench['rapido'] = (name, args, more = {}) => ({
    name,
    argv: [process.execPath, join(CHECKOUT, 'bin/rapido.js'), ...args],
    cwd: directory,
    ...more,
    env: { ...env, ...more.env },
  });
  return {
    directory,
    env,
    cache: join(env.XDG_CACHE_HOME, 'rapido'),
    empty,
    rapido,
    call: async (args, more = {}) =>
      (await runOnce(rapido(args.join(' '), args, { env: more }))).stdout,
    write,
    addCut: (name, cut, script) => {
      const whole: Cut = {
        summary: `${name}, for the bench`,
        ...cut,
        ...(script === undefined ? {} : { autorun: [`${name}.sh`] }),
      };
      write(`config/rapido/cuts/${name}.js`, `export default ${JSON.stringify(whole)};\n`);
      if (script !== undefined) {
        write(`config/rapido/cuts/autorun/${name}.sh`, `#!/bin/bash\n${script}\n`, 0o755);
      }
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** Lays out the installed kernel as a build directory, with a copy of its modules, which may be changed. */
export function layOutKernelTree(
  home: Workbench,
  kernel: { release: string; image: string; modules: string },
): { tree: string; module: string } {
  const tree = join(home.directory, 'linux');
  home.write('linux/.config', 'CONFIG_X86_64=y\nCONFIG_MODULES=y\n');
  home.write('linux/include/config/kernel.release', `${kernel.release}\n`);
  mkdirSync(join(tree, 'arch/x86/boot'), { recursive: true });
  copyFileSync(kernel.image, join(tree, 'arch/x86/boot/bzImage'));
  const modules = join(tree, 'mods/lib/modules', kernel.release);
  cpSync(kernel.modules, modules, { recursive: true });
  // Every image contains this module. The file may be compressed.
  const module = readdirSync(modules, { recursive: true, encoding: 'utf8' }).find((name) =>
    /\/virtio_console\.ko/.test(name),
  );
  return { tree, module: join(modules, module ?? '') };
}

/**
 * Makes a directory tree like that of a test suite, with 100 files per directory, half of them scripts.
 * @param bytes in all files together
 */
export function makeTree(root: string, files: number, bytes: number): void {
  const content = Buffer.alloc(Math.ceil(bytes / files), 'A line of a file, like any other one.\n');
  for (let file = 0; file < files; file++) {
    const directory = join(root, `group${Math.floor(file / 100)}`);
    if (file % 100 === 0) mkdirSync(directory, { recursive: true });
    const isScript = file % 2 === 0;
    const path = join(directory, `${String(file).padStart(6, '0')}${isScript ? '' : '.out'}`);
    const data = isScript ? Buffer.concat([Buffer.from('#!/bin/bash\n'), content]) : content;
    writeFileSync(path, data.subarray(0, Math.max(content.length, 12)), {
      mode: isScript ? 0o755 : 0o644,
    });
  }
}

/**
 * A minimal x86-64 program that prints a line and powers off: write(1, "up\n", 3), then reboot(2) with
 * RB_POWER_OFF. An ELF file with one segment.
 */
export function makeFloorInit(): Buffer {
  const text = Buffer.from('up\n');
  const code = Buffer.from([
    0xb8,
    1,
    0,
    0,
    0, // mov eax, 1 (write)
    0xbf,
    1,
    0,
    0,
    0, // mov edi, 1
    0x48,
    0x8d,
    0x35,
    0x28,
    0,
    0,
    0, // lea rsi, [rip+0x28]: the text after the code
    0xba,
    text.length,
    0,
    0,
    0, // mov edx, length
    0x0f,
    0x05, // syscall
    0xb8,
    0xa9,
    0,
    0,
    0, // mov eax, 169 (reboot)
    0xbf,
    0xad,
    0xde,
    0xe1,
    0xfe, // mov edi, LINUX_REBOOT_MAGIC1
    0xbe,
    0x69,
    0x19,
    0x12,
    0x28, // mov esi, LINUX_REBOOT_MAGIC2
    0xba,
    0xdc,
    0xfe,
    0x21,
    0x43, // mov edx, LINUX_REBOOT_CMD_POWER_OFF
    0x0f,
    0x05, // syscall
    0xeb,
    0xfe, // jmp .
  ]);
  const padded = Buffer.concat([code, Buffer.alloc(17 + 0x28 - code.length, 0x90), text]);
  const header = Buffer.alloc(64 + 56);
  const load = 0x400000n;
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  header.writeUInt16LE(2, 16); // executable
  header.writeUInt16LE(62, 18); // x86-64
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(load + BigInt(header.length), 24); // entry
  header.writeBigUInt64LE(64n, 32); // program headers
  header.writeUInt16LE(64, 52);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(1, 56);
  header.writeUInt32LE(1, 64); // PT_LOAD
  header.writeUInt32LE(5, 68); // readable, executable
  header.writeBigUInt64LE(load, 80);
  header.writeBigUInt64LE(load, 88);
  header.writeBigUInt64LE(BigInt(header.length + padded.length), 96);
  header.writeBigUInt64LE(BigInt(header.length + padded.length), 104);
  header.writeBigUInt64LE(0x1000n, 112);
  return Buffer.concat([header, padded]);
}

/** Packs a directory with cpio(1). */
export function packInitramfs(directory: string, image: string): void {
  execFileSync('sh', ['-c', 'find . | cpio -o -H newc --quiet > "$1"', 'sh', image], {
    cwd: directory,
  });
}
