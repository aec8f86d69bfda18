import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hostKernel } from './kernel-tree.ts';
import { readModuleFile } from './module-file.ts';

/** What a module's init function does, in x86-64 machine code. */
const MACHINE_CODE = {
  /** xor %eax,%eax; mov (%rax),%eax */
  'reads through a null pointer': [0x31, 0xc0, 0x8b, 0x00],
  /** jmp . */
  'spins forever': [0xeb, 0xfe],
  /** cli; jmp . */
  'spins with interrupts off': [0xfa, 0xeb, 0xfe],
  /** xor %eax,%eax; ret */
  'cannot be traced': [0x31, 0xc0, 0xc3],
} as const;

export type Defect = keyof typeof MACHINE_CODE;

/** A module without dependencies that every distribution has. */
const VICTIM = 'dummy';

/**
 * Makes a module with a real fault, without a compiler: takes a module of the kernel that VM tests boot and
 * replaces the machine code of its init function. `cannot be traced` succeeds, but ftrace does not find its
 * call where it expects it, and warns (ftrace_bug in kernel/trace/ftrace.c).
 */
export function breakModule(defect: Defect): Buffer {
  const module = withoutSignature(readModule(VICTIM));
  const init = findInit(module);
  const hook = findHook(module.subarray(init.offset));
  const code = MACHINE_CODE[defect];
  module.set(code, init.offset + hook.end);
  keepFromRelocation(module, init, hook.end, hook.end + code.length);
  if (defect === 'cannot be traced') {
    // Five bytes without effect: a nop of four bytes and one of one byte.
    module.set([0x0f, 0x1f, 0x40, 0x00, 0x90], init.offset + hook.start);
    keepFromRelocation(module, init, hook.start, hook.end);
  }
  return module;
}

function readModule(name: string): Buffer {
  const directory = hostKernel()?.modules;
  if (directory === undefined) throw new Error('this host has no kernel with modules');
  const index = readFileSync(join(directory, 'modules.dep'), 'utf8');
  const path = new RegExp(`^(.*/${name}.ko)[.:]`, 'm').exec(index)?.[1];
  if (path === undefined) throw new Error(`the kernel has no module ${name}`);
  return readModuleFile(join(directory, path));
}

const SIGNED = '~Module signature appended~\n';

/**
 * The kernel rejects a wrong signature, but accepts a module without one, except under lockdown. The mark is
 * preceded by the signature and `struct module_signature`, 12 bytes, whose last four are the length of the
 * signature (include/linux/module_signature.h).
 */
function withoutSignature(module: Buffer): Buffer {
  const end = module.length - SIGNED.length;
  if (module.subarray(end).toString('latin1') !== SIGNED) return module;
  return module.subarray(0, end - 12 - module.readUInt32BE(end - 4));
}

interface InitFunction {
  /** Number of its section. */
  section: number;
  /** Offset in its section. */
  address: number;
  /** Offset in the file. */
  offset: number;
}

/** Section header of ELF64, elf(5). */
interface Section {
  type: number;
  offset: number;
  size: number;
  link: number;
  info: number;
}

const SHT = { symtab: 2, rela: 4 } as const;

function readSections(elf: Buffer): Section[] {
  const start = Number(elf.readBigUInt64LE(0x28));
  const size = elf.readUInt16LE(0x3a);
  return Array.from({ length: elf.readUInt16LE(0x3c) }, (_, number) => {
    const header = elf.subarray(start + number * size);
    return {
      type: header.readUInt32LE(4),
      offset: Number(header.readBigUInt64LE(0x18)),
      size: Number(header.readBigUInt64LE(0x20)),
      link: header.readUInt32LE(0x28),
      info: header.readUInt32LE(0x2c),
    };
  });
}

function findInit(elf: Buffer): InitFunction {
  const sections = readSections(elf);
  const table = sections.find(({ type }) => type === SHT.symtab);
  const names = sections[table?.link ?? 0];
  for (let at = 0; table !== undefined && names !== undefined && at < table.size; at += 24) {
    const symbol = elf.subarray(table.offset + at);
    const name = elf.subarray(names.offset + symbol.readUInt32LE(0));
    if (name.subarray(0, 12).toString('latin1') !== 'init_module\0') continue;
    const section = symbol.readUInt16LE(6);
    const address = Number(symbol.readBigUInt64LE(8));
    return { section, address, offset: (sections[section]?.offset ?? 0) + address };
  }
  throw new Error('the module has no init function');
}

/** The position of ftrace's call or nop: at the beginning, or after an endbr64. */
function findHook(code: Buffer): { start: number; end: number } {
  const start = code.readUInt32BE(0) === 0xf30f1efa ? 4 : 0;
  return { start, end: start + 5 };
}

/** Changes relocations of these bytes of the function to R_X86_64_NONE, 0. */
function keepFromRelocation(elf: Buffer, init: InitFunction, from: number, to: number): void {
  for (const { type, offset, size, info } of readSections(elf)) {
    if (type !== SHT.rela || info !== init.section) continue;
    for (let at = offset; at < offset + size; at += 24) {
      const where = Number(elf.readBigUInt64LE(at)) - init.address;
      // A relocation has four bytes, rarely eight.
      if (where + 4 > from && where < to) elf.writeBigUInt64LE(0n, at + 8);
    }
  }
}
