import { plain, type Rule } from './rule.ts';

/** Tests within the kernel, which print their results only to its log. */
export const SELFTESTS: readonly Rule[] = [
  {
    // Suites are not indented, their tests are (lib/kunit/test.c: kunit_print_ok_not_ok). A module printed no
    // `KTAP version` before Linux 6.2.
    kind: 'selftest',
    severity: 'error',
    clue: 'not ok ',
    head: /^not ok \d+ (?:- )?([\w.-]+)$/,
    title: plain('KUnit: $1 failed'),
    until: 'line',
  },
  {
    // rcutorture, locktorture, scftorture: `TYPE-torture:--- End of test: RESULT`; RCU_HOTPLUG and LOCK_HOTPLUG
    // tell that a CPU could not be taken offline or online.
    kind: 'selftest',
    severity: 'error',
    clue: 'End of test: ',
    head: /^([\w-]*torture): ?--- ?End of test: (FAILURE|RCU_HOTPLUG|LOCK_HOTPLUG)\b/,
    title: plain('$1: $2'),
    until: 'line',
  },
  {
    // tools/testing/selftests/kselftest_module.h, for the modules in lib/test_*.c
    kind: 'selftest',
    severity: 'error',
    clue: ' tests',
    head: /^(\w+): failed \d+ out of \d+ tests$/,
    title: plain('$1: tests failed'),
    until: 'line',
  },
];
