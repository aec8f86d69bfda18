import {
  fieldsOf,
  parseHeader,
  parseProgramHeaders,
  type ReadBytes,
  readElf,
  readExactly,
} from './headers.ts';

const PT_NOTE = 4;

/** More bytes of notes than any real file has. */
const NOTES_MAX = 1024 * 1024;

/**
 * Finds a note of a program, elf(5).
 * @param owner without the final NUL, such as `Xen`
 * @returns its descriptor, or undefined if there is no such note or it is not an ELF file
 */
export function findElfNote(
  source: Buffer | ReadBytes,
  owner: string,
  type: number,
): Buffer | undefined {
  return readElf(source, (read) => {
    const header = parseHeader(read);
    const wide = header.class === 64;
    for (const segment of parseProgramHeaders(read, header)) {
      if (segment.type !== PT_NOTE || segment.fileSize > NOTES_MAX) continue;
      const notes = readExactly(read, segment.offset, segment.fileSize);
      const fields = fieldsOf(notes, header.endian, wide);
      // Three words (size of the name, size of the descriptor, type), then name and descriptor, each padded to 4 bytes.
      for (let at = 0; at + 12 <= notes.length; ) {
        const [nameSize, size] = [fields.word(at), fields.word(at + 4)];
        const descriptor = at + 12 + padded(nameSize);
        const name = notes.toString('latin1', at + 12, at + 12 + nameSize);
        if (fields.word(at + 8) === type && name === `${owner}\0`) {
          return notes.subarray(descriptor, descriptor + size);
        }
        at = descriptor + padded(size);
      }
    }
    return undefined;
  });
}

function padded(size: number): number {
  return Math.ceil(size / 4) * 4;
}
