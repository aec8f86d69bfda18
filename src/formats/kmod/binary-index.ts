/**
 * One value of a key. The values of a key are written in ascending order of priority; of equal ones, the later
 * entry comes first, as in depmod's files (libkmod reverses them again).
 */
export interface IndexEntry {
  /** 7-bit ASCII without NUL. */
  key: string;
  /** 7-bit ASCII without NUL. */
  value: string;
  priority: number;
}

/** The header consists of these two words and the root's offset. "BOOTFAST", the second format, version 2.1. */
const MAGIC = 0xb007f457;
const VERSION = 0x00020001;
const HEADER_SIZE = 12;

/** Bits of a node's offset that show which of its fields are present. */
const HAS_PREFIX = 0x80000000;
const HAS_VALUES = 0x40000000;
const HAS_CHILDREN = 0x20000000;
const OFFSET_MASK = 0x0fffffff;

interface Key {
  key: string;
  values: { value: string; priority: number }[];
}

/** A file under construction: bytes are only appended. */
interface Output {
  chunks: Buffer[];
  size: number;
}

/**
 * Writes an index in the format that libkmod reads (`modules.*.bin`): a radix tree in which a node
 * with only one child and no value is merged into that child. All numbers are big-endian.
 *
 * A node consists of these parts, each present only if the flags in its offset say so: the characters
 * that it adds after the one that leads to it, NUL-terminated; the first and the last character with a
 * child, and an offset for each character from first to last, 0 for none; the number of values, and
 * each value with its priority, NUL-terminated. The root adds no characters. Children precede their
 * parent.
 *
 * Format: kmod, libkmod/libkmod-index.c ("Disk format").
 */
export function encodeKmodIndex(entries: readonly IndexEntry[]): Buffer {
  const keys = groupByKey(entries);
  const output: Output = { chunks: [], size: HEADER_SIZE };
  const root = writeNode(output, keys, 0, 0);
  const header = Buffer.alloc(HEADER_SIZE);
  header.writeUInt32BE(MAGIC, 0);
  header.writeUInt32BE(VERSION, 4);
  header.writeUInt32BE(root, 8);
  return Buffer.concat([header, ...output.chunks]);
}

function groupByKey(entries: readonly IndexEntry[]): Key[] {
  const byKey = new Map<string, Key>();
  for (const { key, value, priority } of entries) {
    const known = byKey.get(key) ?? { key, values: [] };
    known.values.push({ value, priority });
    byKey.set(key, known);
  }
  for (const { values } of byKey.values()) values.reverse().sort((a, b) => a.priority - b.priority);
  return [...byKey.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}

/**
 * Writes the node for sorted keys whose first `end` characters are equal, after all nodes below it.
 * @param start where the part that this node adds begins
 * @returns the node's offset, with its flags
 */
function writeNode(output: Output, keys: readonly Key[], start: number, end: number): number {
  const prefix = keys[0]?.key.slice(start, end) ?? '';
  const ending = keys.filter(({ key }) => key.length === end);
  const children = new Map<number, number>();
  for (const [code, below] of groupByCharacter(keys, end)) {
    children.set(code, writeNode(output, below, end + 1, commonLength(below)));
  }
  const offset = output.size;
  let flags = 0;
  if (prefix !== '') {
    flags |= HAS_PREFIX;
    append(output, Buffer.from(`${prefix}\0`, 'latin1'));
  }
  if (children.size > 0) {
    flags |= HAS_CHILDREN;
    append(output, encodeChildren(children));
  }
  for (const { values } of ending) {
    flags |= HAS_VALUES;
    append(output, encodeValues(values));
  }
  return (offset | flags) >>> 0;
}

function append(output: Output, chunk: Buffer): void {
  output.chunks.push(chunk);
  output.size += chunk.length;
}

/** @param keys sorted, and equal up to `at` */
function groupByCharacter(keys: readonly Key[], at: number): Map<number, Key[]> {
  const groups = new Map<number, Key[]>();
  for (const key of keys) {
    if (key.key.length === at) continue;
    const code = key.key.charCodeAt(at);
    const group = groups.get(code);
    if (group === undefined) groups.set(code, [key]);
    else group.push(key);
  }
  return groups;
}

/** The length of the common prefix of sorted keys, which is that of the first and the last one. */
function commonLength(keys: readonly Key[]): number {
  const first = keys[0]?.key ?? '';
  const last = keys.at(-1)?.key ?? '';
  let length = 0;
  while (length < first.length && first[length] === last[length]) length += 1;
  return length;
}

/** @param children in ascending order of character */
function encodeChildren(children: ReadonlyMap<number, number>): Buffer {
  const codes = [...children.keys()];
  const first = codes[0] ?? 0;
  const last = codes.at(-1) ?? 0;
  const encoded = Buffer.alloc(2 + 4 * (last - first + 1));
  encoded[0] = first;
  encoded[1] = last;
  for (const [code, offset] of children) encoded.writeUInt32BE(offset, 2 + 4 * (code - first));
  return encoded;
}

function encodeValues(values: Key['values']): Buffer {
  const encoded = values.map(({ value, priority }) => {
    const record = Buffer.alloc(4 + value.length + 1);
    record.writeUInt32BE(priority, 0);
    record.write(value, 4, 'latin1');
    return record;
  });
  const count = Buffer.alloc(4);
  count.writeUInt32BE(values.length, 0);
  return Buffer.concat([count, ...encoded]);
}

/** A key with one of its values. */
export interface IndexMatch {
  key: string;
  value: string;
}

/** A node as in the file. */
interface Node {
  prefix: string;
  /** Offsets of nodes below, by character code from `first`. */
  first: number;
  children: readonly number[];
  values: readonly string[];
}

/** Characters that begin a wildcard, or quote one. */
const WILDCARDS = ['*', '?', '[', '\\'].map((char) => char.charCodeAt(0));

/** Whether a file has the format that `encodeKmodIndex` writes. Minor versions are compatible. */
export function isKmodIndex(file: Buffer): boolean {
  if (file.length < HEADER_SIZE || file.readUInt32BE(0) !== MAGIC) return false;
  const root = file.readUInt32BE(8) & OFFSET_MASK;
  return file.readUInt32BE(4) >>> 16 === VERSION >>> 16 && root <= file.length;
}

/**
 * Yields every key that equals `name`, or that contains a wildcard and equals `name` up to it. The caller
 * must check whether such a pattern matches. Nothing else of the file is read.
 * @param file as accepted by `isKmodIndex`; nodes outside of it count as absent
 */
export function* searchKmodIndex(file: Buffer, name: string): Generator<IndexMatch> {
  let node = readNode(file, file.readUInt32BE(8));
  let key = '';
  while (node !== undefined) {
    const before = key;
    key += node.prefix;
    if (hasWildcard(node.prefix)) {
      if (matchesUpToWildcard(node.prefix, name, before.length))
        yield* matchesBelow(file, node, before);
      return;
    }
    if (!name.startsWith(node.prefix, before.length)) return;
    for (const code of WILDCARDS) {
      const pattern = childOf(file, node, code);
      if (pattern !== undefined) {
        yield* matchesBelow(file, pattern, key + String.fromCharCode(code));
      }
    }
    if (key.length === name.length) {
      for (const value of node.values) yield { key, value };
      return;
    }
    const code = name.charCodeAt(key.length);
    key += name.charAt(key.length);
    node = WILDCARDS.includes(code) ? undefined : childOf(file, node, code);
  }
}

function hasWildcard(text: string): boolean {
  return /[*?[\\]/.test(text);
}

/** Whether `name` contains at `at` the part of `prefix` before its first wildcard. */
function matchesUpToWildcard(prefix: string, name: string, at: number): boolean {
  return name.startsWith(prefix.slice(0, prefix.search(/[*?[\\]/)), at);
}

function* matchesBelow(file: Buffer, node: Node, before: string): Generator<IndexMatch> {
  const key = before + node.prefix;
  for (const value of node.values) yield { key, value };
  for (const [at, offset] of node.children.entries()) {
    const child = readNode(file, offset);
    if (child !== undefined) {
      yield* matchesBelow(file, child, key + String.fromCharCode(node.first + at));
    }
  }
}

function childOf(file: Buffer, node: Node, code: number): Node | undefined {
  return readNode(file, node.children[code - node.first] ?? 0);
}

function readNode(file: Buffer, flaggedOffset: number): Node | undefined {
  let at = flaggedOffset & OFFSET_MASK;
  if (at === 0 || at >= file.length) return undefined;
  const readString = (): string => {
    const end = file.indexOf(0, at);
    const text = file.toString('latin1', at, end === -1 ? file.length : end);
    at += text.length + 1;
    return text;
  };
  const readNumber = (): number => {
    at += 4;
    return at <= file.length ? file.readUInt32BE(at - 4) : 0;
  };
  const prefix = flaggedOffset & HAS_PREFIX ? readString() : '';
  let first = 0;
  let count = 0;
  if (flaggedOffset & HAS_CHILDREN) {
    first = file[at] ?? 0;
    count = (file[at + 1] ?? 0) - first + 1;
    at += 2;
  }
  const children = Array.from({ length: Math.max(0, count) }, readNumber);
  const values: string[] = [];
  const valueCount = flaggedOffset & HAS_VALUES ? readNumber() : 0;
  while (values.length < valueCount && at < file.length) {
    readNumber();
    values.push(readString());
  }
  return { prefix, first, children, values };
}
