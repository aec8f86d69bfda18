const SETUP_SECTORS = 2;

export interface MadeUpBzImage {
  /** Used as the compressed kernel. */
  payload: Buffer;
  /** The size that the build appends; undefined if the payload ends with it (gzip). */
  sizeBehind?: number;
  /** Boot protocol. */
  protocol?: number;
  /** Text of its version. */
  version?: string;
}

/** A kernel image with a setup header (Documentation/arch/x86/boot.rst) and a payload, but without code. */
export function makeBzImage({
  payload,
  sizeBehind,
  protocol = 0x020f,
  version,
}: MadeUpBzImage): Buffer {
  const size = Buffer.alloc(sizeBehind === undefined ? 0 : 4);
  if (sizeBehind !== undefined) size.writeUInt32LE(sizeBehind);
  const start = (1 + SETUP_SECTORS) * 512;
  const decompressor = Buffer.alloc(100, 0x90);
  const head = Buffer.alloc(start);
  head.writeUInt8(SETUP_SECTORS, 0x1f1);
  head.write('HdrS', 0x202, 'latin1');
  head.writeUInt16LE(protocol, 0x206);
  if (version !== undefined) {
    head.writeUInt16LE(0x300 - 0x200, 0x20e);
    head.write(`${version}\0`, 0x300, 'latin1');
  }
  head.writeUInt32LE(decompressor.length, 0x248);
  head.writeUInt32LE(payload.length + size.length, 0x24c);
  return Buffer.concat([head, decompressor, payload, size, Buffer.alloc(64, 0x90)]);
}
