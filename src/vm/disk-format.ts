/** Disk image formats that QEMU writes and that rapido lets through, by QEMU's names. */
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
  /** Why the image may lead QEMU to other files; undefined: it is all there is. */
  leadsElsewhere: string | undefined;
}

/** How much of a file's beginning `recogniseFormat` looks at, in bytes. */
export const HEAD_BYTES = 512;

/** What each format begins with: the text at an offset. From the headers in QEMU's block/ and docs/interop. */
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
 * The format of a disk image by how it begins; whatever is not known is raw.
 *
 * QEMU is never left to guess: a guest can write the header of another format on its raw disk, which
 * then names any file of the host. The same trick must not work here, so a format that can name other
 * files comes with a warning of that.
 */
export function recogniseFormat(head: Buffer): RecognisedFormat {
  if (hasText(head, 0, 'QFI\xfb')) return recogniseQcow(head);
  const [, , format = 'raw'] =
    SIGNATURES.find(([offset, text]) => hasText(head, offset, text)) ?? [];
  return { format, leadsElsewhere: LEADING_ELSEWHERE[format] };
}

const LEADING_ELSEWHERE: Partial<Record<DiskFormat, string>> = {
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
  const leadsElsewhere = hasBacking
    ? 'it names a backing file'
    : (features & EXTERNAL_DATA) !== 0n
      ? 'it names an external data file'
      : undefined;
  return { format: version === 1 ? 'qcow' : 'qcow2', leadsElsewhere };
}
