import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { architectureOf } from '../../src/host/architecture.ts';
import { probeKvm } from '../../src/host/kvm.ts';
import { CHANNEL_MODULES, makeKernelTree } from '../support/kernel-tree.ts';
import { makePvhGuest } from '../support/pvh-guest.ts';
import { createWorkspace } from '../support/workspace.ts';

it('runs a guest under KVM with VM_ACCEL=kvm', async (context) => {
  const kvm = probeKvm(architectureOf(process.arch));
  if (process.arch !== 'x64') return context.skip('the guest of this test is for x86');
  if (!kvm.usable && !kvm.deviceOpens) return context.skip(`no KVM here: ${kvm.reason}`);
  const home = createWorkspace();
  const tree = join(home.directory, 'linux');
  const image = join(home.directory, 'tiny.elf');
  makeKernelTree(tree, { drivers: CHANNEL_MODULES, image });
  writeFileSync(image, makePvhGuest('hello from a KVM guest\r\n'));
  home.write(
    'rapido.conf',
    `KERNEL_SRC="${tree}"\nVM_ACCEL=kvm\nVM_CPU=qemu64\nQEMU_EXTRA_ARGS="-nographic"\n`,
  );
  expect(await home.rapido(['cut', 'simple-example'])).toMatchObject({ status: 0 });
  const result = await home.rapido(['boot', '--memory', '512M']);
  expect(result.stdout).toContain('hello from a KVM guest');
  expect(result.stderr).toContain('with KVM');
  expect(result.stderr).toContain('the VM reset without shutting down');
  expect(result.status).toBe(1);
});
