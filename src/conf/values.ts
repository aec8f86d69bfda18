import { parse as parseShellWords } from 'shell-quote';

const SIZE_UNITS = ['b', 'k', 'm', 'g', 't'];

/** Parses `2G`, `512M`, `4096` into bytes; undefined if it is not a size. Units are powers of 1024. */
export function parseSize(text: string): number | undefined {
  const [, digits, unit] = /^(\d+) ?([bkmgt])?$/i.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const bytes = Number(digits) * 1024 ** SIZE_UNITS.indexOf(unit?.toLowerCase() ?? 'b');
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/**
 * Splits like a POSIX shell, with quotes and backslashes, but without expansion: `$HOME`,
 * `*`, `#` and `;` are ordinary characters. Undefined if a quote is not closed.
 *
 * shell-quote alone would expand, stop at `#`, return operators as objects, ignore a lone quote
 * and keep a backslash before a backtick. Every such character is therefore escaped first.
 */
export function splitArguments(text: string): string[] | undefined {
  let isClosed = true;
  const guarded = text.replace(
    /'[^']*'|"(?:\\[\s\S]|[^"\\])*"|\\[\s\S]|[\s\S]/g,
    (token, offset: number) => {
      if (token === '"' || token === "'") isClosed = false;
      if (token === '\\\n') return '';
      if (token === '\\' && offset === text.length - 1) return '\\\\';
      if (token.startsWith('"')) {
        return token.replace(/\\([\s\S])|\$/g, (pair, escaped) =>
          escaped === '\n' ? '' : escaped === '`' ? '`' : pair === '$' ? '\\$' : pair,
        );
      }
      return /^[$#*?;&|<>()]$/.test(token) ? `\\${token}` : token;
    },
  );
  if (!isClosed) return undefined;
  return parseShellWords(guarded).map((word) =>
    typeof word === 'string' ? word : 'pattern' in word ? word.pattern : '',
  );
}

/**
 * A line of `authorized_keys`, sshd(8): options may precede type and key, and a comment may follow. The base64
 * text of every key begins with the length of its type, whose first byte is 0.
 */
const PUBLIC_KEY = /(^|\s)(ssh-|ecdsa-|sk-)[\w.@-]+\s+AAAA/;

/** Whether a text of the type `publicKeys` is the path of a file, not a key. */
export function namesKeyFile(text: string): boolean {
  return !PUBLIC_KEY.test(text);
}

/** Formats bytes in the largest unit without remainder, in the syntax of conf and QEMU: `512M`. */
export function formatSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value > 0 && value % 1024 === 0 && unit < SIZE_UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value}${unit === 0 ? '' : SIZE_UNITS[unit]?.toUpperCase()}`;
}
