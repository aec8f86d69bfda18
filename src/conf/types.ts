import { listWithOr } from '../sys/list-words.ts';
import type { ConfKey, ConfType, ConfValue, TypeValue } from './key.ts';
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
import { formatSize, namesKeyFile, parseSize, splitArguments } from './values.ts';

type KeyOf<Type extends ConfType> = Extract<ConfKey, { type: Type }>;

interface ConfTypeRow<Type extends ConfType> {
  /** @returns undefined if the text is not valid */
  parse: (text: string, key: KeyOf<Type>) => TypeValue<Type> | undefined;
  /** Describes valid values, for error messages and the example file: "auto, kvm or tcg". */
  form: string | ((key: KeyOf<Type>) => string);
  /** The example file shows the form, because it does not go without saying. */
  isFormShown?: true;
  /** An example of a valid value, if there is a meaningful one. */
  example?: string | ((key: KeyOf<Type>) => string | undefined);
}

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

/** RFC 1123 labels; Linux allows 64 bytes (__NEW_UTS_LEN). */
const HOSTNAME =
  /^(?=.{1,64}$)[a-z\d]([a-z\d-]{0,61}[a-z\d])?(\.[a-z\d]([a-z\d-]{0,61}[a-z\d])?)*$/i;

/** Private keys do not have such names, and must not be added to an image by mistake. */
const KEY_FILE = /^\/.*(\.pub|\/authorized_keys)$/;

/** Every type of a conf key. */
export const CONF_TYPES: { readonly [Type in ConfType]: ConfTypeRow<Type> } = {
  string: {
    parse: (text) => text,
    form: 'text',
  },
  path: {
    parse: matching(/^\//),
    form: 'a path',
    example: '/tmp/rapido',
  },
  integer: {
    parse: (text, key) =>
      /^-?\d{1,15}$/.test(text) ? atLeast(key.minimum, Number(text)) : undefined,
    form: ({ unit, minimum }) =>
      minimum === 1
        ? `a positive integer${unit === undefined ? '' : ` (${unit})`}`
        : `an integer${unit === undefined ? '' : ` (${unit})`}, ${minimum ?? 0} or more`,
    isFormShown: true,
    example: '1',
  },
  size: {
    parse: (text, key) => atLeast(key.minimum, parseSize(text)),
    form: ({ minimum }) =>
      `a size in bytes or with a unit (64k, 512M, 2G, 1T)${
        minimum === undefined ? '' : `, ${formatSize(minimum)} or more`
      }`,
    isFormShown: true,
    example: '512M',
  },
  words: {
    parse: (text) => text.split(/\s+/).filter(Boolean),
    form: 'words separated by blanks',
    isFormShown: true,
  },
  arguments: {
    parse: splitArguments,
    form: 'arguments separated by blanks, with every quote closed',
  },
  boolean: {
    parse: (text) => BOOLEANS[text.toLowerCase()],
    form: 'yes or no',
    isFormShown: true,
    example: 'yes',
  },
  enum: {
    parse: (text, { values }) => (values.includes(text) ? text : undefined),
    form: ({ values }) => listWithOr(values),
    isFormShown: true,
    example: ({ values }) => values[0],
  },
  interface: {
    parse: matching(INTERFACE_NAME),
    form: 'a network interface name of at most 15 letters, digits, ".", "_" or "-"',
    example: 'rapido-br',
  },
  interfaces: {
    parse: parseInterfaces,
    form: 'names of network interfaces, each once, of at most 15 letters, digits, ".", "_" or "-"',
    example: 'rapido-tap1',
  },
  cidrs: {
    parse: parseCidrs,
    form: 'IP addresses with prefix lengths',
    example: '192.168.155.1/24',
  },
  addresses: {
    parse: parseAddresses,
    form: 'dhcp, or IP addresses with prefix lengths; for a second tap, add @TAP to each',
    example: 'dhcp',
  },
  ips: {
    parse: parseIps,
    form: 'IP addresses without prefix length',
    example: '192.168.155.1',
  },
  macs: {
    parse: parseMacs,
    form: 'a unicast MAC address: six bytes in hexadecimal, the first one even; for a second tap, add @TAP',
    example: 'b8:ac:24:45:c5:01',
  },
  dhcpRange: {
    parse: parseDhcpRange,
    form: 'first IPv4 address, last IPv4 address and lease time (30m, 12h, infinite), separated by commas',
  },
  forwards: {
    parse: parseForwards,
    form: 'HOST:GUEST ports, with /udp appended for UDP',
    example: '2222:22',
  },
  hostname: {
    parse: matching(HOSTNAME),
    form: 'a hostname: letters, digits and "-", parts separated by "."',
    example: 'rapido1',
  },
  publicKeys: {
    parse: (text) => (!namesKeyFile(text) || KEY_FILE.test(text) ? text : undefined),
    form: 'an ssh public key (ssh-ed25519 AAAA…), or the path of a file of public keys, named *.pub or authorized_keys',
    example: '~/.ssh/id_ed25519.pub',
  },
};

function matching(pattern: RegExp): (text: string) => string | undefined {
  return (text) => (pattern.test(text) ? text : undefined);
}

function atLeast(minimum = 0, value: number | undefined): number | undefined {
  return value !== undefined && value >= minimum ? value : undefined;
}

/** The row of a key's type, as one that accepts the key. */
function rowOf(key: ConfKey): ConfTypeRow<ConfType> {
  return CONF_TYPES[key.type] as ConfTypeRow<ConfType>;
}

/** The typed value of a key's text; undefined if the text is not valid. */
export function parseConfValue(key: ConfKey, text: string): ConfValue | undefined {
  return rowOf(key).parse(text, key);
}

/** Describes the valid values of a key. */
export function describeForm(key: ConfKey): string {
  const { form } = rowOf(key);
  return typeof form === 'string' ? form : form(key);
}

/** Whether the example file describes the valid values of a key. */
export function isFormShown(key: ConfKey): boolean {
  return rowOf(key).isFormShown === true;
}

/**
 * The first sentence of a key's meaning, to be used inside a sentence: "a built xfstests tree"; undefined if it is not
 * a noun with its article.
 */
export function nounPhrase(meaning: string): string | undefined {
  const [, article = '', rest] = /^(An?|The) ((?:[^.]|\.(?! |$))*)/.exec(meaning) ?? [];
  return rest === undefined ? undefined : `${article.toLowerCase()} ${rest}`;
}

/** An example of a valid value, if there is a meaningful one. */
export function exampleValue(key: ConfKey): string | undefined {
  const { example } = rowOf(key);
  return key.example ?? key.default ?? (typeof example === 'function' ? example(key) : example);
}
