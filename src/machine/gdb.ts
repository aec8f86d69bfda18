import { dirname } from 'node:path';
import type { GlobalOptions } from '../cli/context.ts';
import { EXIT, UserError } from '../errors.ts';
import { suggestInstall } from '../host/distribution.ts';
import { findSymbols, type KernelSymbols } from '../host/kernel-symbols.ts';
import { findProgram, programSearchPath } from '../host/programs.ts';
import { runInForeground } from '../sys/foreground.ts';
import { isAlive } from '../sys/process-identity.ts';
import { trustOf } from '../sys/trust.ts';
import type { Ui } from '../ui/terminal.ts';
import { closeGdbStub, type GdbStub, openGdbStub } from '../vm/gdb-stub.ts';
import { type VmEntry, vmFiles } from '../vm/registry.ts';
import { chooseVm, findRunningVms } from './pick.ts';

export interface GdbOptions extends GlobalOptions {
  address?: boolean | undefined;
}

/**
 * `rapido gdb [VM] [-- WORDS]`
 * @param words arguments of gdb
 * @returns the exit status of gdb
 */
export async function runGdb(
  name: string | undefined,
  words: readonly string[],
  options: GdbOptions,
  ui: Ui,
): Promise<number> {
  const { context, vms } = findRunningVms(options, ui);
  const vm = chooseVm(vms, name, 'rapido gdb');
  const socket = vmFiles(dirname(vm.monitorSocket), vm.number).gdbSocket;
  const gdb = findProgram('gdb', programSearchPath(context.env.PATH));
  if (gdb === undefined && options.address !== true) {
    const install = suggestInstall(['gdb']) ?? 'install gdb';
    throw new UserError('gdb not found on this host', {
      hint: `${install}, or connect another debugger to the address that \`rapido gdb ${vm.number} --address\` prints: ${socket}`,
    });
  }
  const stub = await openGdbStub(vm, socket);
  if (gdb === undefined || options.address === true) {
    ui.result(socket);
    return EXIT.ok;
  }
  const symbols = findSymbols(
    { release: vm.kernelRelease, tree: vm.kernel?.tree, modules: vm.kernel?.modules },
    trustOf(context.env),
  );
  for (const line of explainSymbols(symbols, vm, stub)) ui.note(line);
  try {
    return await runInForeground(gdbCommandLine({ gdb, socket, symbols, stub, words }));
  } finally {
    await closeGdbStub(vm, socket).catch((error) => warnOfStop(vm, error, ui));
  }
}

/** The VM may have ended while gdb was attached. */
function warnOfStop({ number, qemu }: VmEntry, error: Error, ui: Ui): void {
  if (qemu === undefined || !isAlive(qemu)) return;
  ui.warn(`VM ${number} may still be stopped: ${error.message}`);
}

interface GdbSession {
  /** Path of the program. */
  gdb: string;
  socket: string;
  symbols: KernelSymbols;
  stub: GdbStub;
  words: readonly string[];
}

export function gdbCommandLine({
  gdb,
  socket,
  symbols: { vmlinux, scripts, modules },
  stub,
  words,
}: GdbSession): [string, ...string[]] {
  // lx-symbols reads the list of modules, which does not exist before the kernel has started.
  const loadsModules = vmlinux !== undefined && scripts !== undefined && !stub.isBeforeStart;
  // biome-ignore format: an option and its value share a line
  return [
    gdb, '-q',
    // gdb runs scripts of other directories only if it is told to.
    ...(scripts === undefined ? [] : ['-iex', `add-auto-load-safe-path ${scripts}`]),
    ...(vmlinux === undefined ? [] : [vmlinux]),
    '-ex', `target remote ${socket}`,
    ...(loadsModules ? ['-ex', ['lx-symbols', ...(modules === undefined ? [] : [modules])].join(' ')] : []),
    ...words,
  ];
}

/** Lines that say which symbols gdb does not have. */
export function explainSymbols(
  { vmlinux, scripts, untrustedScripts }: KernelSymbols,
  { kernelRelease, kernel }: Pick<VmEntry, 'kernelRelease' | 'kernel'>,
  { isBeforeStart }: GdbStub,
): string[] {
  const isBuilt = kernel?.tree !== undefined;
  const lines: string[] = [];
  if (vmlinux === undefined) {
    const source = isBuilt ? `in ${kernel.tree}` : 'on this host; install the debug package';
    lines.push(`no symbols: no vmlinux of Linux ${kernelRelease} ${source}`);
  } else if (untrustedScripts !== undefined) {
    lines.push(
      `no symbols of modules: the tree's scripts for gdb are not trusted: ${untrustedScripts}`,
    );
  } else if (scripts === undefined) {
    const how = isBuilt
      ? `make -C ${kernel.tree} scripts_gdb`
      : 'only a build tree has the scripts';
    lines.push(`no symbols of modules without the kernel's scripts for gdb: ${how}`);
  } else if (isBeforeStart) {
    lines.push('lx-symbols loads the symbols of modules once the kernel has started');
  }
  if (vmlinux !== undefined && kernel?.isRandomized !== false) {
    lines.push(
      'the kernel may be at other addresses than its symbols (KASLR): boot with --gdb or --append nokaslr',
    );
  }
  return lines;
}
