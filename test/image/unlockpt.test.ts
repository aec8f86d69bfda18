import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { architectureOf } from '../../src/host/architecture.ts';
import { findProgram, programSearchPath } from '../../src/host/programs.ts';
import { unlockptProgram } from '../../src/image/unlockpt.ts';
import { makeTemporaryDirectory } from '../support/temporary-directory.ts';

const own = architectureOf(process.arch).name;

describe.each(['x86_64', 'aarch64'] as const)('unlockpt for %s', (architecture) => {
  // QEMU's user emulation passes ioctls on.
  const emulator = findProgram(`qemu-${architecture}-static`, programSearchPath(process.env.PATH));
  const prefix = architecture === own ? [] : [emulator ?? ''];

  /** Exit status with a file as standard input. */
  const run = (stdin: number): number | null => {
    const path = join(makeTemporaryDirectory(), 'unlockpt');
    writeFileSync(path, unlockptProgram(architecture), { mode: 0o755 });
    const [program = '', ...args] = [...prefix, path];
    return spawnSync(program, args, { stdio: [stdin, 'ignore', 'inherit'] }).status;
  };

  it.skipIf(prefix[0] === '')(
    'unlocks the pseudoterminal of its input, and prints its number',
    () => {
      const master = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY);
      const index = /^tty-index:\s*(\d+)$/m.exec(
        readFileSync(`/proc/self/fdinfo/${master}`, 'utf8'),
      );
      const slave = `/dev/pts/${index?.[1]}`;
      const open = (): void => closeSync(openSync(slave, constants.O_RDWR | constants.O_NOCTTY));
      expect(open).toThrow('EIO');
      expect(run(master)).toBe(Number(index?.[1]));
      expect(open).not.toThrow();
      closeSync(master);
    },
  );

  it.skipIf(prefix[0] === '')('fails with 255 if its input is not a pseudoterminal', () => {
    const file = openSync('/dev/null', 'r');
    expect(run(file)).toBe(255);
    closeSync(file);
  });
});
