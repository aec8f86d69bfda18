import { spawnSync } from 'node:child_process';
import { toolEnvironment } from './environment.ts';

/**
 * The terminal on stdin shows what is written to it as it is: a line feed alone does not return the carriage
 * (termios(3), OPOST).
 */
export function stopOutputProcessing(): void {
  spawnSync('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] });
}

/**
 * Remembers the mode of the terminal on stdin. The function it returns restores that: QEMU puts the
 * terminal into raw mode and, if it is killed, leaves it so.
 */
export function saveTerminal(): () => void {
  const env = toolEnvironment(process.env);
  const saved = spawnSync('stty', ['--save'], {
    stdio: ['inherit', 'pipe', 'ignore'],
    encoding: 'utf8',
    env,
  });
  const mode = saved.stdout?.trim();
  if (saved.status !== 0 || !mode) return () => {};
  return () => {
    spawnSync('stty', [mode], { stdio: ['inherit', 'ignore', 'ignore'], env });
  };
}
