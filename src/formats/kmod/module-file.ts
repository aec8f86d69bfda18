import type { ReadBytes } from '../elf/headers.ts';
import { parseRelocatable } from '../elf/symbols.ts';

/** What a module file contains about the kernel that it was built for. */
export interface ModuleFile {
  /** `6.1.0-56-amd64 SMP preempt mod_unload modversions` (VERMAGIC_STRING of include/linux/vermagic.h). */
  vermagic: string | undefined;
  /** Reads the names of symbols; this is slow. */
  readSymbols: () => ModuleSymbols;
}

export interface ModuleSymbols {
  /** Symbols that the kernel or other modules must export so that it can be loaded. */
  needs: string[];
  /** Symbols that it exports. */
  exports: string[];
}

/** The prefix of the symbol that EXPORT_SYMBOL() defines for each symbol: include/linux/export-internal.h. */
const KSYMTAB = '__ksymtab_';

/** Undefined symbols that the kernel's loader does not look up (arch/…/include/asm/module.h). */
const IGNORED = new Set(['', '_GLOBAL_OFFSET_TABLE_', '.TOC.', '__this_module']);

/** @returns undefined if it is not a module of a 64-bit kernel */
export function parseModuleFile(source: Buffer | ReadBytes): ModuleFile | undefined {
  const elf = parseRelocatable(source);
  if (elf === undefined) return undefined;
  const modinfo = elf.sections.find(({ name }) => name === '.modinfo');
  const records =
    modinfo === undefined ? [] : elf.contentOf(modinfo).toString('latin1').split('\0');
  const vermagic = records.find((record) => record.startsWith('vermagic='));
  return {
    vermagic: vermagic?.slice('vermagic='.length).trim(),
    readSymbols: () => {
      const { undefined: needs, defined } = elf.readSymbols(KSYMTAB);
      return {
        needs: needs.filter((name) => !IGNORED.has(name)),
        exports: defined.map((name) => name.slice(KSYMTAB.length)),
      };
    },
  };
}
