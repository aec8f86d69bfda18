import { expect, test } from 'vitest';
import { architectureOf } from '../../src/host/architecture.ts';
import { judgeCpuFlags } from '../../src/host/kvm.ts';

const x86 = architectureOf('x64');
const cpuinfo = (...lines: string[]): string =>
  ['processor\t: 0', 'vendor_id\t: Any', ...lines, 'bogomips\t: 5800.00', ''].join('\n');

test.each([
  ['an Intel CPU', cpuinfo('flags\t\t: fpu vme vmx est', 'vmx flags\t: vnmi ept'), true],
  ['an AMD CPU', cpuinfo('flags\t\t: fpu vme svm'), true],
  ['a CPU without virtualization, or with it turned off', cpuinfo('flags\t\t: fpu vme est'), false],
  ['flags that only begin like one', cpuinfo('flags\t\t: fpu svm_lock vmx2'), false],
  ['vmx flags alone', cpuinfo('flags\t\t: fpu', 'vmx flags\t: vmx'), false],
  ['no flags at all', cpuinfo(), false],
  ['an empty cpuinfo', '', false],
])('%s: usable is %s', (_, text, usable) => {
  expect(judgeCpuFlags(x86, text)).toEqual(
    usable
      ? { usable }
      : {
          usable,
          reason: 'the CPU has no vmx or svm, so /dev/kvm cannot run guests',
          deviceOpens: true,
        },
  );
});

test('an aarch64 CPU does not show it: a /dev/kvm that can be opened is sufficient', () => {
  expect(judgeCpuFlags(architectureOf('arm64'), cpuinfo('Features\t: fp asimd'))).toEqual({
    usable: true,
  });
});
