import type { Architecture } from '../host/architecture.ts';

/**
 * unlockpt(3) and ptsname(3) as a program. A new pseudoterminal is locked until an ioctl unlocks it, and no
 * program of a small image does that; script(1) is not on every host. File descriptor 0 must be an open
 * /dev/ptmx. The exit status is the N of /dev/pts/N, or 255 if an ioctl fails or N is greater than 254.
 */
export function unlockptProgram(architecture: Architecture['name']): Buffer {
  const { machine, code } = PROGRAMS[architecture];
  const instructions = Buffer.from(code.replaceAll(/;.*$|\s/gm, ''), 'hex');
  return Buffer.concat([elfHeaders(machine, instructions.length), instructions]);
}

/**
 * Calls of ioctl_tty(2): TIOCSPTLCK (0x40045431) with a pointer to 0, TIOCGPTN (0x80045430) with a pointer to the
 * number. Numbers of system calls: asm/unistd_64.h, asm-generic/unistd.h. e_machine: elf(5).
 */
const PROGRAMS: Record<Architecture['name'], { machine: number; code: string }> = {
  x86_64: {
    machine: 62,
    code: `
      31ff         ; xor  edi, edi
      57           ; push rdi
      4889e2       ; mov  rdx, rsp
      be31540440   ; mov  esi, 0x40045431
      6a10 58      ; push 16 (ioctl); pop rax
      0f05         ; syscall
      85c0 7519    ; test eax, eax; jnz fail
      be30540480   ; mov  esi, 0x80045430
      6a10 58      ; push 16; pop rax
      0f05         ; syscall
      85c0 750b    ; test eax, eax; jnz fail
      8b3c24       ; mov  edi, [rsp]
      81ffff000000 ; cmp  edi, 255
      7205         ; jb   done
      bfff000000   ; fail: mov edi, 255
      6a3c 58      ; done: push 60 (exit); pop rax
      0f05         ; syscall`,
  },
  aarch64: {
    machine: 183,
    code: `
      000080d2 ; mov  x0, #0
      ff0f1ff8 ; str  xzr, [sp, #-16]!
      e2030091 ; mov  x2, sp
      21868a52 ; mov  w1, #0x5431
      8100a872 ; movk w1, #0x4004, lsl #16
      a80380d2 ; mov  x8, #29 (ioctl)
      010000d4 ; svc  #0
      00010035 ; cbnz w0, fail
      01868a52 ; mov  w1, #0x5430
      8100b072 ; movk w1, #0x8004, lsl #16
      010000d4 ; svc  #0
      80000035 ; cbnz w0, fail
      e00340b9 ; ldr  w0, [sp]
      1ffc0371 ; cmp  w0, #255
      43000054 ; b.lo done
      e01f8052 ; fail: mov w0, #255
      a80b80d2 ; done: mov x8, #93 (exit)
      010000d4 ; svc  #0`,
  },
};

const FILE_HEADER = 64;
const PROGRAM_HEADER = 56;
/** Where the kernel maps the file. */
const ADDRESS = 0x400000n;

/** Elf64_Ehdr and one Elf64_Phdr, PT_LOAD of the whole file, elf(5). */
function elfHeaders(machine: number, codeLength: number): Buffer {
  const length = FILE_HEADER + PROGRAM_HEADER;
  const size = BigInt(length + codeLength);
  const headers = Buffer.alloc(length);
  headers.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // 64-bit, little-endian
  headers.writeUInt16LE(2, 16); // ET_EXEC
  headers.writeUInt16LE(machine, 18);
  headers.writeUInt32LE(1, 20);
  headers.writeBigUInt64LE(ADDRESS + BigInt(length), 24); // entry
  headers.writeBigUInt64LE(BigInt(FILE_HEADER), 32); // offset of the program headers
  headers.writeUInt16LE(FILE_HEADER, 52);
  headers.writeUInt16LE(PROGRAM_HEADER, 54);
  headers.writeUInt16LE(1, 56); // number of program headers
  headers.writeUInt32LE(1, FILE_HEADER); // PT_LOAD
  headers.writeUInt32LE(5, FILE_HEADER + 4); // readable, executable
  headers.writeBigUInt64LE(ADDRESS, FILE_HEADER + 16);
  headers.writeBigUInt64LE(ADDRESS, FILE_HEADER + 24);
  headers.writeBigUInt64LE(size, FILE_HEADER + 32);
  headers.writeBigUInt64LE(size, FILE_HEADER + 40);
  headers.writeBigUInt64LE(0x10000n, FILE_HEADER + 48); // alignment: 64 KiB, the largest page of arm64
  return headers;
}
