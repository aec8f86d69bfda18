/** I/O port of the first serial port of a PC. */
const COM1 = 0x3f8;

/**
 * A minimal guest that runs under KVM: an ELF file with a PVH entry (Xen's note 18, see
 * https://xenbits.xen.org/docs/unstable/misc/pvh.html), entered in 32-bit mode without paging.
 * It writes `text` to the serial port and then resets the machine with the keyboard controller.
 */
export function makePvhGuest(text: string): Buffer {
  const message = Buffer.from(text, 'latin1');
  const load = 0x100000;
  const headers = 52 + 2 * 32;
  const noteOffset = headers;
  const note = Buffer.alloc(20);
  note.writeUInt32LE(4, 0); // name size
  note.writeUInt32LE(4, 4); // descriptor size
  note.writeUInt32LE(18, 8); // XEN_ELFNOTE_PHYS32_ENTRY
  note.write('Xen\0', 12, 'latin1');
  const codeOffset = noteOffset + note.length;
  const entry = load + codeOffset;
  note.writeUInt32LE(entry, 16);
  const code = Buffer.concat([
    Buffer.from([0xbe]), // mov esi, message
    u32(entry + 24),
    Buffer.from([0xb9]), // mov ecx, length
    u32(message.length),
    Buffer.from([0x66, 0xba, COM1 & 0xff, COM1 >> 8]), // mov dx, COM1
    Buffer.from([0xf3, 0x6e]), // rep outsb
    Buffer.from([0xb0, 0xfe, 0xe6, 0x64]), // mov al, 0xfe; out 0x64, al
    Buffer.from([0xf4]), // hlt
  ]);
  const padded = Buffer.concat([code, Buffer.alloc(24 - code.length), message, Buffer.alloc(8)]);
  const size = codeOffset + padded.length;
  return Buffer.concat([
    elfHeader(entry),
    loadHeader(load, size),
    noteHeader(noteOffset),
    note,
    padded,
  ]);
}

function u32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
}

/** Elf32_Ehdr: executable, i386, directly followed by two program headers. */
function elfHeader(entry: number): Buffer {
  const header = Buffer.alloc(52);
  header.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  header.writeUInt16LE(2, 16);
  header.writeUInt16LE(3, 18);
  header.writeUInt32LE(1, 20);
  header.writeUInt32LE(entry, 24);
  header.writeUInt32LE(52, 28);
  header.writeUInt16LE(52, 40);
  header.writeUInt16LE(32, 42);
  header.writeUInt16LE(2, 44);
  return header;
}

/** Elf32_Phdr PT_LOAD of the whole file. */
function loadHeader(address: number, size: number): Buffer {
  return Buffer.concat([
    u32(1),
    u32(0),
    u32(address),
    u32(address),
    u32(size),
    u32(size),
    u32(7),
    u32(0x1000),
  ]);
}

/** Elf32_Phdr PT_NOTE. */
function noteHeader(offset: number): Buffer {
  return Buffer.concat([u32(4), u32(offset), u32(0), u32(0), u32(20), u32(20), u32(4), u32(4)]);
}
