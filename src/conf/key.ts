/**
 * What one conf key is: the shape of a row in the table of `schema.ts`, and of the keys that a
 * cut adds. Plain data, so that the same row types a value, explains it and documents it.
 */

import type { DhcpRange, PerTap, PortForward } from './network-values.ts';

interface KeyBasics {
  /** Heading that the key stands under in `rapido.conf.example`. */
  group?: string;
  /** One or two plain sentences: what it is, what happens without it. */
  meaning: string;
  /** As text, before typing. `${NAME}` refers to another key, RAPIDO_DIR, HOME or XDG_CACHE_HOME. */
  default?: string;
  /** A value as one would write it, shown in the example file and in type errors. */
  example?: string;
  /** What a number counts, where the name does not say. */
  unit?: string;
  /** Never printed. */
  secret?: true;
  /** Still works, but there is a better way: this sentence names it. */
  deprecated?: string;
  /** `KEY=""` turns it off. Elsewhere an empty value gives the default (lists: the empty list). */
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
  /** In bytes. */
  minimum?: number;
}

interface EnumKey extends KeyBasics {
  type: 'enum';
  values: readonly string[];
}

export type ConfKey = SimpleKey | IntegerKey | SizeKey | EnumKey;

/** Key name (capitals, digits, underscores) to what it is. */
export type ConfKeyTable = Readonly<Record<string, ConfKey>>;

/** The TypeScript type of each conf type but `enum`, whose type is the union of its values. */
interface ValueTypes {
  string: string;
  /** Absolute: `~/` is expanded, a relative one starts at the directory of the conf file. */
  path: string;
  integer: number;
  /** Bytes. */
  size: number;
  /** Split on white space, no quoting. */
  words: readonly string[];
  /** Split as a POSIX shell splits, with quotes and backslashes; nothing is expanded. */
  arguments: readonly string[];
  boolean: boolean;
  /** Name of a network interface. */
  interface: string;
  /** Names of network interfaces. */
  interfaces: readonly string[];
  /** Addresses with their prefix lengths: `192.168.155.1/24`. */
  cidrs: readonly string[];
  /** For each network card: addresses with prefix lengths, or the word dhcp. */
  addresses: readonly PerTap[];
  /** Plain IPv4 or IPv6 addresses. */
  ips: readonly string[];
  /** For each network card: six bytes in lower case with colons. */
  macs: readonly PerTap[];
  dhcpRange: DhcpRange;
  /** Ports of this host that lead to a VM. */
  forwards: readonly PortForward[];
  hostname: string;
  /** One public key of ssh, or the absolute path of a file of some. */
  publicKeys: string;
}

export type ConfType = keyof ValueTypes | 'enum';

export type ConfValue = ValueTypes[keyof ValueTypes];

/** The type of a key's value when it has one. */
export type ValueOf<Key> = Key extends { type: 'enum'; values: readonly (infer Value)[] }
  ? Value
  : Key extends { type: infer Type extends keyof ValueTypes }
    ? ValueTypes[Type]
    : never;

/** A list that is not set is an empty list, so nobody has to ask twice. */
export type ListType = 'words' | 'arguments';

/**
 * Whether a key always has a value: a list, or a default that refers to nothing that may be unset.
 * Only the first reference of a default is looked at; no default has two.
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
