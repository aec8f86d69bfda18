import { dirname, resolve } from 'node:path';
import type { GlobalOptions } from '../cli/context.ts';
import { EXIT, UsageError, UserError } from '../errors.ts';
import { findSymbols } from '../host/kernel-symbols.ts';
import { formatCommandLine } from '../sys/command-line.ts';
import { cleaningUpOnSignals } from '../sys/signals.ts';
import { isDirectory, isWritable, lstatIfReachable } from '../sys/stat.ts';
import { removeLitter } from '../sys/temporary.ts';
import { type Trust, trustOf } from '../sys/trust.ts';
import { formatBytes } from '../ui/format.ts';
import type { Ui } from '../ui/terminal.ts';
import { dumpMemory } from '../vm/dump.ts';
import type { DumpFormat } from '../vm/dump-formats.ts';
import { withMonitor } from '../vm/monitor.ts';
import type { VmEntry } from '../vm/registry.ts';
import { chooseVm, findRunningVms } from './pick.ts';

export interface DumpOptions extends GlobalOptions {
  format?: DumpFormat | undefined;
}

/** `rapido dump [VM] [FILE]` */
export async function runDump(
  words: { vm: string | undefined; file: string | undefined },
  options: DumpOptions,
  ui: Ui,
): Promise<number> {
  const { context, vms } = findRunningVms(options, ui);
  const { name, file } = readDumpWords(words, vms);
  const vm = chooseVm(vms, name, 'rapido dump');
  const path = resolve(context.cwd, file ?? `${vm.hostname}.vmcore`);
  refusePath(path);
  removeLitter(dirname(path));
  const dump = await cleaningUpOnSignals(() =>
    withMonitor(vm, (qmp) =>
      dumpMemory(qmp, {
        path,
        names: { hostname: vm.hostname, release: vm.kernelRelease },
        format: options.format,
        onStart: ({ format, memory }) => ui.note(announceDump(vm, memory, format)),
        onProgress: (share) => ui.progress(`writing the dump: ${Math.round(100 * share)} %`),
      }),
    ),
  );
  ui.endProgress();
  ui.result(path);
  const command = suggestDebugger(vm, path, dump.format, trustOf(context.env));
  ui.note(`${formatBytes(dump.size)}; open it with: ${command}`);
  return EXIT.ok;
}

/** The command line that opens a dump. gdb reads only ELF. */
function suggestDebugger(
  { kernelRelease: release, kernel }: VmEntry,
  core: string,
  format: DumpFormat,
  trust: Trust,
): string {
  const kernelOfVm = { release, tree: kernel?.tree, modules: kernel?.modules };
  const { vmlinux = 'VMLINUX' } = findSymbols(kernelOfVm, trust);
  return formatCommandLine(
    format === 'elf' ? ['gdb', vmlinux, core] : ['drgn', '-c', core, '-s', vmlinux],
  );
}

function announceDump({ number, cut }: VmEntry, memory: number, format: DumpFormat): string {
  const size = formatBytes(memory);
  const most = format === 'elf' ? size : `${size} of memory, compressed`;
  return `dumping VM ${number} (${cut}): ${most} (${format}); the VM is stopped meanwhile`;
}

/** With one word, that is a VM if a running VM has that name or number, or if it is a number; otherwise a file. */
export function readDumpWords(
  { vm, file }: { vm: string | undefined; file: string | undefined },
  vms: readonly Pick<VmEntry, 'number' | 'hostname'>[],
): { name: string | undefined; file: string | undefined } {
  if (vm === undefined || file !== undefined || /^\d+$/.test(vm)) return { name: vm, file };
  const isName = vms.some(({ hostname }) => hostname === vm);
  return isName ? { name: vm, file: undefined } : { name: undefined, file: vm };
}

/** @throws UserError if there is a file already, or none can be created */
function refusePath(path: string): void {
  if (lstatIfReachable(path) !== undefined) {
    throw new UserError(`${path} exists`, { hint: 'name another file: rapido dump VM FILE' });
  }
  const directory = dirname(path);
  if (!isDirectory(directory)) throw new UsageError(`${directory} does not exist`);
  if (!isWritable(directory)) throw new UsageError(`${directory} is not writable`);
}
