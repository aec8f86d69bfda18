/** Disk image formats that QEMU can write and rapido accepts, by QEMU's names. */
export const DISK_FORMATS = [
  'raw',
  'qcow2',
  'qcow',
  'qed',
  'vmdk',
  'vdi',
  'vhdx',
  'vpc',
  'parallels',
] as const;

export type DiskFormat = (typeof DISK_FORMATS)[number];

export interface RecognisedFormat {
  format: DiskFormat;
  /** How the image may make QEMU open other files; undefined: it cannot. */
  otherFiles: string | undefined;
}

/** How many bytes of a file's beginning `recogniseFormat` needs. */
export const HEAD_BYTES = 512;

/** The text by which each format is recognised, with its offset. From the headers in QEMU's block/ and docs/interop. */
const SIGNATURES: readonly [offset: number, text: string, format: DiskFormat][] = [
  [0, 'QED\0', 'qed'],
  [0, 'KDMV', 'vmdk'],
  [0, 'COWD', 'vmdk'],
  [0, '# Disk DescriptorFile', 'vmdk'],
  [64, '\x7f\x10\xda\xbe', 'vdi'],
  [0, 'vhdxfile', 'vhdx'],
  [0, 'conectix', 'vpc'],
  [0, 'WithoutFreeSpace', 'parallels'],
  [0, 'WithouFreSpacExt', 'parallels'],
];

/**
 * Recognises the format of a disk image by its beginning; an unknown format is raw.
 *
 * QEMU must not probe the format itself: a guest can write the header of another format to its raw disk, and
 * that header can name any file of the host. The same attack must not work through this function, so for a
 * format that can name other files, `otherFiles` says so.
 */
export function recogniseFormat(head: Buffer): RecognisedFormat {
  if (hasText(head, 0, 'QFI\xfb')) return recogniseQcow(head);
  const [, , format = 'raw'] =
    SIGNATURES.find(([offset, text]) => hasText(head, offset, text)) ?? [];
  return { format, otherFiles: OTHER_FILES[format] };
}

const OTHER_FILES: Partial<Record<DiskFormat, string>> = {
  vmdk: 'a vmdk image may name other files',
  qed: 'a qed image may name a backing file',
};

function hasText(head: Buffer, offset: number, text: string): boolean {
  return head.toString('latin1', offset, offset + text.length) === text;
}

/** Bit of qcow2's incompatible features: the data is in another file. */
const EXTERNAL_DATA = 4n;

/** The fields are those of docs/interop/qcow2.txt of QEMU, big-endian. */
function recogniseQcow(head: Buffer): RecognisedFormat {
  const version = head.length < 8 ? 0 : head.readUInt32BE(4);
  const hasBacking = head.length >= 16 && head.readBigUInt64BE(8) !== 0n;
  const features = version >= 3 && head.length >= 80 ? head.readBigUInt64BE(72) : 0n;
  const otherFiles = hasBacking
    ? 'it names a backing file'
    : (features & EXTERNAL_DATA) !== 0n
      ? 'it names an external data file'
      : undefined;
  return { format: version === 1 ? 'qcow' : 'qcow2', otherFiles };
}
