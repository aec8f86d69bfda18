import { expect, test } from 'vitest';
import { dracutStep } from '../../src/image/dracut-progress.ts';

/** What these versions print for a small image. */
const PRINTED = {
  '059': [
    'dracut: Executing: /usr/bin/dracut --force --no-kernel',
    'dracut: *** Including module: bash ***',
    'dracut: *** Including modules done ***',
    'dracut: *** Resolving executable dependencies ***',
    'dracut: *** Resolving executable dependencies done ***',
    'dracut: *** Store current command line parameters ***',
    "dracut: *** Creating image file '/tmp/out' ***",
    "dracut: *** Creating initramfs image file '/tmp/out' done ***",
  ],
  '106': [
    'dracut[I]: *** Including module: bash ***',
    'dracut[I]: *** Including modules done ***',
    'dracut[I]: *** Resolving executable dependencies ***',
    'dracut[I]: *** Resolving executable dependencies done ***',
    'dracut[I]: *** Store current command line parameters ***',
    "dracut[I]: *** Creating image file '/tmp/out' ***",
    "dracut[I]: *** Creating initramfs image file '/tmp/out' done ***",
  ],
  '112': [
    'dracut[I]: *** Including module: bash ***',
    'dracut[I]: *** Including modules done ***',
    'dracut[I]: *** Resolving dependencies for executables and libraries ***',
    'dracut[I]: *** Resolving dependencies for executables and libraries done ***',
    'dracut[I]: *** Store current command line parameters ***',
    "dracut[I]: *** Creating image file '/tmp/out' ***",
    "dracut[I]: *** Creating initramfs image file '/tmp/out' done ***",
  ],
} as const;

test.each(Object.entries(PRINTED))('recognizes the steps of dracut %s', (_version, lines) => {
  expect(lines.map(dracutStep).filter((step) => step !== undefined)).toEqual([
    'gathering programs',
    'adding their libraries',
    'writing the archive',
  ]);
});

test.each([
  'dracut[E]: *** Creating image file failed ***',
  'cp: *** Including module: bash ***',
  '',
])('%j is not a step', (line) => expect(dracutStep(line)).toBeUndefined());
