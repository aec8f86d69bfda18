import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where ncurses searches: terminfo(5). Debian splits its database over two of these directories. */
const DATABASES = ['/etc/terminfo', '/lib/terminfo', '/usr/share/terminfo'];

/** Common terminals, because a VM may be booted from another terminal than the cut. A few kilobytes each. */
const COMMON_TERMINALS = [
  'linux',
  'vt100',
  'vt220',
  'xterm',
  'xterm-256color',
  'screen',
  'screen-256color',
  'tmux',
  'tmux-256color',
];

/**
 * Descriptions of terminals for full-screen programs in the guest, by path below the database.
 * @param terminal $TERM
 */
export function readTerminfo(terminal: string | undefined): Record<string, Buffer> {
  const names = new Set(COMMON_TERMINALS);
  if (terminal !== undefined && /^[\w.+-]+$/.test(terminal)) names.add(terminal);
  const found: Record<string, Buffer> = {};
  for (const name of names) {
    const path = `${name[0]}/${name}`;
    for (const database of DATABASES) {
      try {
        found[path] = readFileSync(join(database, path));
        break;
      } catch {} // Not in this database.
    }
  }
  return found;
}
