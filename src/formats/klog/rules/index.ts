import { BOOT } from './boot.ts';
import { DAMAGE } from './damage.ts';
import { FAULTS } from './faults.ts';
import { FILESYSTEMS } from './filesystems.ts';
import { CUT_HERE, GENERAL } from './general.ts';
import { LOCKING } from './locking.ts';
import { MEMORY_SHORTAGE } from './memory-shortage.ts';
import { MODULES } from './modules.ts';
import { BARE_TRACE, NOTES, SHOWN_TASK } from './notes.ts';
import { PANICS } from './panics.ts';
import type { Rule } from './rule.ts';
import { SANITIZERS } from './sanitizers.ts';
import { SELFTESTS } from './selftests.ts';
import { STALLS } from './stalls.ts';

/** All rules, specific ones before general ones: the first match counts. */
export const RULES: readonly Rule[] = [
  ...PANICS,
  ...FAULTS,
  ...SANITIZERS,
  ...LOCKING,
  ...STALLS,
  ...DAMAGE,
  ...FILESYSTEMS,
  ...BOOT,
  ...MEMORY_SHORTAGE,
  ...MODULES,
  ...SELFTESTS,
  ...GENERAL,
  ...NOTES,
  SHOWN_TASK,
  BARE_TRACE,
  CUT_HERE,
];
