import { expect, test } from 'vitest';
import { recogniseFormat } from '../../src/vm/disk-format.ts';

/** The beginning of a file: text at offsets, the rest zeroes. */
function head(...parts: [offset: number, text: string][]): Buffer {
  const bytes = Buffer.alloc(512);
  for (const [offset, text] of parts) bytes.write(text, offset, 'latin1');
  return bytes;
}

test.each([
  ['qcow2 version 2', head([0, 'QFI\xfb\0\0\0\x02']), 'qcow2'],
  ['qcow2 version 3', head([0, 'QFI\xfb\0\0\0\x03']), 'qcow2'],
  ['the old qcow', head([0, 'QFI\xfb\0\0\0\x01']), 'qcow'],
  ['VirtualBox', head([64, '\x7f\x10\xda\xbe']), 'vdi'],
  ['Hyper-V', head([0, 'vhdxfile']), 'vhdx'],
  ['Virtual PC', head([0, 'conectix']), 'vpc'],
  ['Parallels', head([0, 'WithouFreSpacExt']), 'parallels'],
  ['a partition table', head([510, '\x55\xaa']), 'raw'],
  ['an xfs filesystem', head([0, 'XFSB']), 'raw'],
  ['LUKS, which the guest opens', head([0, 'LUKS\xba\xbe']), 'raw'],
  ['a few bytes', Buffer.from('QF'), 'raw'],
  ['a magic and no more', Buffer.from('QFI\xfb', 'latin1'), 'qcow2'],
  ['nothing', Buffer.alloc(0), 'raw'],
])('%s', (_, bytes, format) => {
  expect(recogniseFormat(bytes)).toEqual({ format, otherFiles: undefined });
});

test.each([
  ['a qcow2 with a backing file', head([0, 'QFI\xfb\0\0\0\x03'], [15, '\x70'])],
  ['a qcow2 with an external data file', head([0, 'QFI\xfb\0\0\0\x03'], [79, '\x04'])],
  ['VMware', head([0, 'KDMV'])],
  ['a descriptor of VMware', head([0, '# Disk DescriptorFile\nversion=1'])],
  ['qed', head([0, 'QED\0'])],
])('%s may refer to other files, and says so', (_, bytes) => {
  expect(recogniseFormat(bytes).otherFiles).toMatch(/file/);
});
