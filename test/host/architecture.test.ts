import { expect, test } from 'vitest';
import { architectureOf } from '../../src/host/architecture.ts';
import { complaintOf } from '../support/complaint.ts';

test.each([
  ['x64', 'x86_64', 'qemu-system-x86_64', 'arch/x86/boot/bzImage', 'ttyS0'],
  ['arm64', 'aarch64', 'qemu-system-aarch64', 'arch/arm64/boot/Image', 'ttyAMA0'],
])('Node on %s is %s, with %s, %s and %s', (node, name, qemu, kernelImage, console) => {
  expect(architectureOf(node)).toMatchObject({ name, qemu, kernelImage, console });
});

test.each(['s390x', 'toString', ''])('%j is rejected', async (node) => {
  expect(await complaintOf(() => architectureOf(node))).toBe(
    `rapido: error: rapido does not support the architecture ${node}\n  hint: rapido runs on x86_64 and aarch64`,
  );
});
