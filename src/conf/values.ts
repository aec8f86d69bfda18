import { parse as parseShellWords } from 'shell-quote';
// The tree-shakeable variant of zod: 15 kB in the bundle, instead of 440 kB.
import * as z from 'zod/mini';
import type { ConfKey, ConfType, ConfValue } from './key.ts';
import {
  INTERFACE_NAME,
  parseAddresses,
  parseCidrs,
  parseDhcpRange,
  parseForwards,
  parseInterfaces,
  parseIps,
  parseMacs,
} from './network-values.ts';

const SIZE_UNITS = ['b', 'k', 'm', 'g', 't'];

const BOOLEANS: Readonly<Record<string, boolean>> = {
  yes: true,
  true: true,
  on: true,
  '1': true,
  no: false,
  false: false,
  off: false,
  '0': false,
};

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

/** Makes a zod transform that fails if `parse` returns undefined. */
function convert<Value>(parse: (text: string) => Value | undefined) {
  return z.transform((text: string, context) => {
    const value = parse(text);
    if (value === undefined) context.issues.push({ code: 'custom', input: text });
    return value as Value;
  });
}

const atLeast = (minimum: number | undefined) => z.minimum(minimum ?? 0);

/** The zod schema of a type, made only when a value of that type occurs. */
function schemaOf(key: ConfKey): z.ZodMiniType<ConfValue> {
  switch (key.type) {
    case 'string':
      return z.string();
    case 'path':
      return z.string().check(z.regex(/^\//));
    case 'integer':
      return z.pipe(
        z.pipe(z.string().check(z.regex(/^-?\d{1,15}$/)), convert(Number)),
        z.number().check(atLeast(key.minimum)),
      );
    case 'size':
      return z.pipe(z.pipe(z.string(), convert(parseSize)), z.number().check(atLeast(key.minimum)));
    case 'enum':
      return z.enum(key.values as [string, ...string[]]);
    case 'words':
      return z.pipe(
        z.string(),
        convert((text) => text.split(/\s+/).filter(Boolean)),
      );
    case 'arguments':
      return z.pipe(z.string(), convert(splitArguments));
    case 'boolean':
      return z.pipe(
        z.string(),
        convert((text) => BOOLEANS[text.toLowerCase()]),
      );
    case 'interface':
      return z.string().check(z.regex(INTERFACE_NAME));
    case 'interfaces':
      return z.pipe(z.string(), convert(parseInterfaces));
    case 'cidrs':
      return z.pipe(z.string(), convert(parseCidrs));
    case 'addresses':
      return z.pipe(z.string(), convert(parseAddresses));
    case 'ips':
      return z.pipe(z.string(), convert(parseIps));
    case 'macs':
      return z.pipe(z.string(), convert(parseMacs));
    case 'dhcpRange':
      return z.pipe(z.string(), convert(parseDhcpRange));
    case 'forwards':
      return z.pipe(z.string(), convert(parseForwards));
    case 'hostname':
      // RFC 1123 labels; Linux allows 64 bytes (__NEW_UTS_LEN).
      return z
        .string()
        .check(
          z.regex(
            /^(?=.{1,64}$)[a-z\d]([a-z\d-]{0,61}[a-z\d])?(\.[a-z\d]([a-z\d-]{0,61}[a-z\d])?)*$/i,
          ),
        );
    case 'publicKeys':
      // Private keys do not have such names, and must not be added to an image by mistake.
      return z
        .string()
        .check(
          z.refine((text) => !namesKeyFile(text) || /^\/.*(\.pub|\/authorized_keys)$/.test(text)),
        );
  }
}

/** The typed value of a key's text; undefined if the text is not valid. */
export function parseConfValue(key: ConfKey, text: string): ConfValue | undefined {
  const result = schemaOf(key).safeParse(text);
  return result.success ? result.data : undefined;
}

const FORMS: Readonly<Record<Exclude<ConfType, 'integer' | 'size' | 'enum'>, string>> = {
  string: 'text',
  path: 'a path',
  words: 'words separated by blanks',
  arguments: 'arguments separated by blanks, with every quote closed',
  boolean: 'yes or no',
  interface: 'a network interface name of at most 15 letters, digits, ".", "_" or "-"',
  interfaces:
    'names of network interfaces, each once, of at most 15 letters, digits, ".", "_" or "-"',
  cidrs: 'IP addresses with prefix lengths',
  addresses: 'dhcp, or IP addresses with prefix lengths; for a second tap, add @TAP to each',
  ips: 'IP addresses without prefix length',
  macs: 'a unicast MAC address: six bytes in hexadecimal, the first one even; for a second tap, add @TAP',
  dhcpRange:
    'first IPv4 address, last IPv4 address and lease time (30m, 12h, infinite), separated by commas',
  forwards: 'HOST:GUEST ports, with /udp appended for UDP',
  hostname: 'a host name: letters, digits and "-", parts separated by "."',
  publicKeys:
    'an ssh public key (ssh-ed25519 AAAA…), or the path of a file of public keys, named *.pub or authorized_keys',
};

/** Describes valid values, for error messages and the example file: "auto, kvm or tcg". */
export function describeForm(key: ConfKey): string {
  switch (key.type) {
    case 'integer':
      return `a whole number${key.unit === undefined ? '' : ` (${key.unit})`}, ${key.minimum ?? 0} or more`;
    case 'size':
      return `a size in bytes or with a unit (64k, 512M, 2G, 1T)${
        key.minimum === undefined ? '' : `, ${formatSize(key.minimum)} or more`
      }`;
    case 'enum':
      return `${key.values.slice(0, -1).join(', ')} or ${key.values.at(-1)}`;
    default:
      return FORMS[key.type];
  }
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

const EXAMPLES: Partial<Record<ConfType, string>> = {
  integer: '1',
  size: '512M',
  boolean: 'yes',
  interface: 'rapido-br',
  interfaces: 'rapido-tap1',
  cidrs: '192.168.155.1/24',
  addresses: 'dhcp',
  ips: '192.168.155.1',
  macs: 'b8:ac:24:45:c5:01',
  forwards: '2222:22',
  hostname: 'rapido1',
  publicKeys: '~/.ssh/id_ed25519.pub',
  path: '/tmp/rapido',
};

/** An example of a valid value, if there is a meaningful one. */
export function exampleValue(key: ConfKey): string | undefined {
  return key.example ?? key.default ?? (key.type === 'enum' ? key.values[0] : EXAMPLES[key.type]);
}
