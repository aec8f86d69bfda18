import type { Conf, ConfEntry, Origin } from './conf.ts';
import type { ConfValue } from './key.ts';
import { MASK, secretsOf, withoutSecrets } from './secrets.ts';

/** A line of `rapido conf`. */
export interface ConfRow {
  /** `KERNEL_SRC`, or `[vm1] MAC`. */
  key: string;
  /** Heading of the key in the example file; `[vm1]` for a key of that section. */
  group: string;
  /** Empty if the key is not set and has no default. Secrets are masked. */
  value: string;
  /** `default`, `environment` or `rapido.conf:3`. */
  origin: string;
  meaning: string;
  /** What to use instead, for a key that is deprecated. */
  advice?: string;
}

/** Every key with its value and origin. */
export function explainConf(conf: Conf): ConfRow[] {
  const mask = makeMask(conf);
  const row = (entry: ConfEntry, section?: string): ConfRow => {
    const advice = entry.key.deprecated;
    return {
      key: section === undefined ? entry.name : `${section} ${entry.name}`,
      group: section ?? entry.key.group ?? 'Keys of your own cuts',
      value: mask(entry, entry.text ?? ''),
      origin: formatOrigin(entry.origin, conf),
      meaning: entry.key.meaning,
      ...(advice === undefined ? {} : { advice }),
    };
  };
  return [
    ...conf.entries.map((entry) => row(entry)),
    ...conf.vmNumbers.flatMap((number) =>
      conf.vmEntries(number).map((entry) => row(entry, `[vm${number}]`)),
    ),
  ];
}

/** `default`, `environment` or `rapido.conf:3`. */
export function formatOrigin(origin: Origin, conf: Conf): string {
  switch (origin.from) {
    case 'file':
      return `${conf.source?.name}:${origin.line}`;
    case 'directory':
      return 'the current directory';
    default:
      return origin.from;
  }
}

export interface ConfValueJson {
  /** The typed value: sizes in bytes, lists as lists. Null if not set. Secrets are masked. */
  value: ConfValue | null;
  origin: Origin;
}

export interface ConfJson {
  /** Absolute path of the file, null if there is none. */
  file: string | null;
  keys: Record<string, ConfValueJson>;
  /** By VM number. */
  vms: Record<string, Record<string, ConfValueJson>>;
  warnings: readonly string[];
}

/** The same as data, for `rapido conf --json`. */
export function confToJson(conf: Conf): ConfJson {
  const mask = makeMask(conf);
  const byName = (entries: readonly ConfEntry[]) =>
    Object.fromEntries(
      entries.map((entry) => [
        entry.name,
        { value: maskValue(entry, mask), origin: entry.origin } satisfies ConfValueJson,
      ]),
    );
  return {
    file: conf.source?.path ?? null,
    keys: byName(conf.entries),
    vms: Object.fromEntries(
      conf.vmNumbers.map((number) => [String(number), byName(conf.vmEntries(number))]),
    ),
    warnings: conf.warnings,
  };
}

type Mask = (entry: ConfEntry, text: string) => string;

function maskValue(entry: ConfEntry, mask: Mask): ConfValue | null {
  const { value } = entry;
  if (value === undefined) return null;
  if (typeof value === 'string') return mask(entry, value);
  if (isListOfTexts(value)) return value.map((item) => mask(entry, item));
  return entry.key.secret ? MASK : value;
}

function isListOfTexts(value: ConfValue): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/**
 * Masks secrets, also inside other values: `CIFS_MOUNT_OPTS="password=${CIFS_PW}"`. Users paste the output of
 * `rapido conf` into bug reports.
 */
function makeMask(conf: Conf): Mask {
  const secrets = secretsOf(conf.entries);
  return ({ key }, text) => {
    if (key.secret) return text === '' ? '' : MASK;
    return withoutSecrets(text, secrets).replace(/\b(pass|password)=[^\s,]+/g, `$1=${MASK}`);
  };
}
