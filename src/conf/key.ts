/**
 * The description of a conf key: a row in the table of `schema.ts`, or a key that a cut defines. It is plain data,
 * with which a value is typed, explained and documented.
 */

import type { DhcpRange, PerTap, PortForward } from './network-values.ts';

interface KeyBasics {
  /** Heading for the key in `rapido.conf.example`. */
  group?: string;
  /** One or two sentences: what the key sets, and what happens without it. */
  meaning: string;
  /** The default as text. `${NAME}` refers to another key, RAPIDO_DIR, HOME or XDG_CACHE_HOME. */
  default?: string;
  /** An example of a value, for the example file and error messages. */
  example?: string;
  /** The unit of a number, if the name does not say. */
  unit?: string;
  /** Never printed. */
  secret?: true;
  /** Set if the key is deprecated: a sentence that names the alternative. */
  deprecated?: string;
  /** `KEY=""` turns it off. For other keys, an empty value means the default (for lists, the empty list). */
  emptyIsOff?: true;
}

interface SimpleKey extends KeyBasics {
  type: Exclude<ConfType, 'integer' | 'size' | 'enum'>;
}

interface IntegerKey extends KeyBasics {
  type: 'integer';
  minimum?: number;
}

interface SizeKey extends KeyBasics {
  type: 'size';
  /** Bytes. */
  minimum?: number;
}

interface EnumKey extends KeyBasics {
  type: 'enum';
  values: readonly string[];
}

export type ConfKey = SimpleKey | IntegerKey | SizeKey | EnumKey;

/** Key name (capitals, digits, underscores) to description. */
export type ConfKeyTable = Readonly<Record<string, ConfKey>>;

/** The TypeScript type of each conf type but `enum`, whose type is the union of its values. */
interface ValueTypes {
  string: string;
  /** Absolute. `~/` is expanded; a relative path starts in the directory of the conf file. */
  path: string;
  integer: number;
  /** Bytes. */
  size: number;
  /** Split on white space, no quoting. */
  words: readonly string[];
  /** Split as in a POSIX shell, with quotes and backslashes, but without expansion. */
  arguments: readonly string[];
  boolean: boolean;
  /** Name of a network interface. */
  interface: string;
  /** Names of network interfaces. */
  interfaces: readonly string[];
  /** Addresses with their prefix lengths: `192.168.155.1/24`. */
  cidrs: readonly string[];
  /** For each network card, addresses with prefix lengths, or the word dhcp. */
  addresses: readonly PerTap[];
  /** Plain IPv4 or IPv6 addresses. */
  ips: readonly string[];
  /** For each network card, six bytes in lower case with colons. */
  macs: readonly PerTap[];
  dhcpRange: DhcpRange;
  /** Ports of this host that are forwarded to a VM. */
  forwards: readonly PortForward[];
  hostname: string;
  /** An ssh public key, or the absolute path of a file of public keys. */
  publicKeys: string;
}

export type ConfType = keyof ValueTypes | 'enum';

export type ConfValue = ValueTypes[keyof ValueTypes];

/** The TypeScript type of the values of a conf type. */
export type TypeValue<Type extends ConfType> = Type extends keyof ValueTypes
  ? ValueTypes[Type]
  : string;

/** The type of a key's value if it is set. */
export type ValueOf<Key> = Key extends { type: 'enum'; values: readonly (infer Value)[] }
  ? Value
  : Key extends { type: infer Type extends keyof ValueTypes }
    ? ValueTypes[Type]
    : never;

/** Types for which an unset key has an empty list as its value. */
export type ListType = 'words' | 'arguments';

/**
 * Whether a key always has a value: a list, or a default without references to keys that may be unset.
 * Only the first reference of a default is checked; no default has two.
 */
type AlwaysSet<Key, Table> = Key extends { type: ListType }
  ? true
  : Key extends { emptyIsOff: true }
    ? false
    : Key extends { default: infer Default }
      ? Default extends `${string}\${${infer Name}}${string}`
        ? Name extends keyof Table
          ? AlwaysSet<Table[Name], Table>
          : true
        : true
      : false;

/** What `conf.get` returns for a key of a table. */
export type SettingOf<Key, Table> =
  AlwaysSet<Key, Table> extends true ? ValueOf<Key> : ValueOf<Key> | undefined;

export function isListKey(key: ConfKey): boolean {
  return key.type === 'words' || key.type === 'arguments';
}
