import { expect, test } from 'vitest';
import { editConf } from '../../src/conf/edit.ts';
import { formatConfExample } from '../../src/conf/example.ts';

const CONF = `# My conf.
KERNEL_SRC="/linux" # the usual one

# Of the network.
QEMU_EXTRA_ARGS="-nographic \\
	-device virtio-rng-pci"
VM_CPUS=2
[vm1]
VM_CPUS=7
`;

test.each([
  [
    'replaces a value and keeps the comment behind it',
    'KERNEL_SRC',
    '/other',
    CONF.replace('"/linux"', '"/other"'),
  ],
  [
    'replaces a value of several lines',
    'QEMU_EXTRA_ARGS',
    '-s',
    CONF.replace(/"-nographic[^"]*"/, '"-s"'),
  ],
  [
    'replaces the key outside of the sections',
    'VM_CPUS',
    '4',
    CONF.replace('VM_CPUS=2', 'VM_CPUS="4"'),
  ],
  [
    'adds a key below the last one, above the sections',
    'VM_MEMORY',
    '2G',
    CONF.replace('[vm1]', 'VM_MEMORY="2G"\n[vm1]'),
  ],
  [
    'escapes what a value could mean',
    'VM_CPUS',
    'a"$B`\\',
    CONF.replace('VM_CPUS=2', 'VM_CPUS="a\\"\\$B\\`\\\\"'),
  ],
  [
    'removes a key with all its lines',
    'QEMU_EXTRA_ARGS',
    undefined,
    CONF.replace(/QEMU_EXTRA[^"]*"[^"]*"\n/, ''),
  ],
  ['removes nothing if the key is not set', 'VM_MEMORY', undefined, CONF],
])('%s', (_title, key, value, expected) => {
  expect(editConf(CONF, { key, value })).toBe(expected);
});

test('makes a file of one line', () => {
  expect(editConf('', { key: 'VM_CPUS', value: '4' })).toBe('VM_CPUS="4"\n');
});

test('keeps comments before the first section with that section', () => {
  const conf = '# The conf.\n\n# The server.\n[vm1]\nTAP="tap0"\n';
  expect(editConf(conf, { key: 'VM_CPUS', value: '4' })).toBe(
    '# The conf.\n\nVM_CPUS="4"\n# The server.\n[vm1]\nTAP="tap0"\n',
  );
});

test('completes a last line without a line feed', () => {
  expect(editConf('VM_CPUS=2', { key: 'VM_MEMORY', value: '2G' })).toBe(
    'VM_CPUS=2\nVM_MEMORY="2G"\n',
  );
});

test('keeps the line ends of Windows', () => {
  expect(editConf('A=1\r\nB=2\r\n', { key: 'A', value: '3' })).toBe('A="3"\r\nB=2\r\n');
});

test('removes each of several lines of a key', () => {
  expect(editConf('A=1\nB=2\nA=3\n', { key: 'A', value: undefined })).toBe('B=2\n');
});

test('in a copy of the example, writes below the comment of the key, and restores it exactly', () => {
  const example = formatConfExample();
  const set = editConf(example, { key: 'VM_MEMORY', value: '2G' });
  expect(set).toContain('#VM_MEMORY="512M"\nVM_MEMORY="2G"\n');
  expect(editConf(set, { key: 'VM_MEMORY', value: undefined })).toBe(example);
});
