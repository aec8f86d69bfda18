import * as z from 'zod/mini';
import en from 'zod/v4/locales/en.js';
import type { ConfKey } from '../conf/key.ts';
import { CONF_TYPES } from '../conf/types.ts';
import { UsageError } from '../errors.ts';
import { ownFile } from '../host/directories.ts';
import { findNearest } from '../sys/text.ts';
import type { Cut, HostFile, OutputFormat, Tree, ZramDevice } from './cut.ts';

/** A type as a schema has it: an optional field may be undefined. */
type Lenient<Type> = Type extends string | number | boolean
  ? Type
  : Type extends readonly (infer Item)[]
    ? readonly Lenient<Item>[]
    : {
        [Field in keyof Type]:
          | Lenient<Type[Field]>
          | (Partial<Pick<Type, Field>> extends Pick<Type, Field> ? undefined : never);
      };

/**
 * A schema for each field of a type, so that the compiler reports fields that are missing, too many, or of another
 * type. The type of a cut is not inferred from its schema, because the types that users' editors read must not
 * depend on zod.
 */
type FieldsOf<Type> = {
  [Field in keyof Type]-?: z.ZodMiniType<Lenient<Type[Field]> | undefined>;
};

const OUTPUT_FORMATS: Readonly<Record<OutputFormat, OutputFormat>> = {
  ktap: 'ktap',
  fstests: 'fstests',
  blktests: 'blktests',
  ltp: 'ltp',
};

const text = z.string().check(z.minLength(1));
const names = z.array(text);

const zramSize = z.string().check(z.regex(/^\d+[KMGT]?$|\$\{/i, 'must be a size: 512M, 2G'));

const guestPath = z.string().check(z.startsWith('/', 'must be an absolute path in the guest'));

/** A guest path that may start with a conf key. */
const expandablePath = z
  .string()
  .check(z.regex(/^(\/|\$\{)/, 'must be an absolute path in the guest'));

const tree = z.strictObject({
  source: text,
  target: z.optional(expandablePath),
  exclude: z.optional(names),
  contains: z.optional(names),
} satisfies FieldsOf<Tree>);

const hostFile = z.strictObject({
  source: text,
  target: z.optional(expandablePath),
  optional: z.optional(z.boolean()),
  ifSet: z.optional(z.boolean()),
} satisfies FieldsOf<HostFile>);

const dracut = z.strictObject({
  modules: z.optional(names),
  args: z.optional(names),
} satisfies FieldsOf<Cut['dracut'] & {}>);

const fileName = z
  .string()
  .check(z.regex(/^[\w.-]*[\w-][\w.-]*$/, 'must be a file name without a path'));

const test = z.strictObject({
  command: z.optional(names.check(z.minLength(1))),
  output: z.optional(z.enum(OUTPUT_FORMATS)),
  carry: z.optional(z.array(fileName)),
  resumes: z.optional(z.boolean()),
  expected: z.optional(names),
} satisfies FieldsOf<Cut['test'] & {}>);

const zramName = z
  .string()
  .check(z.regex(/^[\w.-]{1,20}$/, 'must be 1 to 20 letters, digits, "_", "-" or "."'));

const zramDevice = z.strictObject({
  size: zramSize,
  /** Conf keys and their values. */
  when: z.optional(z.record(text, z.string())),
} satisfies FieldsOf<ZramDevice>);

const zram = z.record(
  zramName,
  z.union([zramSize, zramDevice], {
    error: "must be a size, such as '512M', or { size, when }",
  }),
);

const memory = z
  .string()
  .check(z.regex(/^[1-9]\d*[MG]$/, 'must be a number with a unit: 512M, 2G'));

const resources = z.strictObject({
  cpus: z.optional(z.int().check(z.minimum(1), z.maximum(255))),
  memory: z.optional(memory),
} satisfies FieldsOf<Cut['resources'] & {}>);

type ConfKeyField = ConfKey extends infer Key ? (Key extends Key ? keyof Key : never) : never;

/** A row of `conf.defines`. `findKeyProblems` checks the values of the fields, and which type has which. */
const confKey = z.strictObject({
  type: z.enum(Object.keys(CONF_TYPES)),
  meaning: text,
  group: z.optional(z.string()),
  default: z.optional(z.string()),
  example: z.optional(z.string()),
  unit: z.optional(z.string()),
  deprecated: z.optional(z.string()),
  secret: z.optional(z.literal(true)),
  emptyIsOff: z.optional(z.literal(true)),
  minimum: z.optional(z.number()),
  values: z.optional(names),
} satisfies Record<ConfKeyField, z.ZodMiniType>) as unknown as z.ZodMiniType<Lenient<ConfKey>>;

const confKeyName = z.string().check(z.regex(/^[A-Z][A-Z0-9_]*$/, 'must be in capitals: MY_TESTS'));

const conf = z.strictObject({
  needs: z.optional(names),
  uses: z.optional(names),
  defines: z.optional(z.record(confKeyName, confKey)),
} satisfies FieldsOf<Cut['conf'] & {}>);

const kernelOption = z.string().check(z.regex(/^CONFIG_\w+$/, 'a kernel option, CONFIG_…'));

const schema = z.strictObject({
  summary: text.check(z.regex(/^.*$/, 'must be one line')),
  binaries: z.optional(names),
  optionalBinaries: z.optional(names),
  kernelBinaries: z.optional(z.record(kernelOption, names)),
  searchPath: z.optional(names),
  drivers: z.optional(names),
  optionalDrivers: z.optional(names),
  kernelOptions: z.optional(z.record(kernelOption, text)),
  trees: z.optional(z.array(tree)),
  files: z.optional(z.array(hostFile)),
  contents: z.optional(z.record(guestPath, z.string())),
  kernelConfig: z.optional(z.boolean()),
  dracut: z.optional(dracut),
  init: z.optional(z.literal('systemd')),
  autorun: z.optional(names),
  directory: z.optional(text),
  test: z.optional(test),
  zram: z.optional(zram),
  resources: z.optional(resources),
  network: z.optional(z.boolean()),
  sshServer: z.optional(z.boolean()),
  conf: z.optional(conf),
} satisfies FieldsOf<Cut>);

/** zod/mini has no messages of its own. `z.locales` would add those of fifty languages to the bundle. */
const { localeError } = en();

/**
 * Checks the export of a cut file.
 * @param file path of the file, for messages
 * @throws UsageError that names the file and every wrong field
 */
export function validateCut(value: unknown, file: string): Cut {
  if (value === undefined || value === null) {
    throw new UsageError(`${file}: exports no cut`, {
      hint: 'export one: export default defineCut({ summary: …, binaries: […] })',
    });
  }
  const result = schema.safeParse(value, { error: localeError });
  if (result.success) return value as Cut;
  throw new UsageError(`${file}: not a valid cut`, {
    problems: result.error.issues.flatMap(describeIssue),
    hint: `${ownFile('docs/writing-cuts.md')} lists the fields`,
  });
}

function describeIssue(issue: z.core.$ZodIssue): string[] {
  const where = formatPath(issue.path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map(
        (key) => `${formatPath([...issue.path, key])}: ${noSuchField(key, issue.path)}`,
      );
    case 'invalid_key':
      return issue.issues.map(({ message }) => `${where}: ${message}`);
    case 'invalid_type':
      return [`${where || 'the export'}: ${describeType(issue)}`];
    case 'too_small':
      return [`${where}: ${issue.origin === 'string' ? 'must not be empty' : issue.message}`];
    default:
      return [`${where || 'the export'}: ${issue.message}`];
  }
}

const TYPES: Readonly<Record<string, string>> = {
  array: 'a list',
  object: 'an object',
  string: 'a string',
  boolean: 'true or false',
  int: 'a whole number',
  record: 'an object',
};

function describeType({ expected, message }: z.core.$ZodIssueInvalidType): string {
  const received = /received (\w+)$/.exec(message)?.[1];
  if (received === 'undefined') return 'is missing';
  const wanted = TYPES[expected] ?? expected;
  const got =
    received === undefined || expected === 'int'
      ? ''
      : `, not ${TYPES[received] ?? `a ${received}`}`;
  return `must be ${wanted}${got}`;
}

/** @param path path of the object that contains the field */
function noSuchField(key: string, path: readonly PropertyKey[]): string {
  const nearest = findNearest(key, fieldsOf(path));
  if (nearest !== undefined) return `no such field; did you mean ${nearest}?`;
  const others = [[], ...Object.keys(schema.shape).map((name) => [name])];
  const other = others.find((path) => fieldsOf(path).includes(key));
  if (other === undefined) return 'no such field';
  return `no such field; there is a field ${formatPath([...other, key])}`;
}

/** The names of the fields of an object in a cut; empty if it has no fixed fields. */
function fieldsOf(path: readonly PropertyKey[]): string[] {
  let type: unknown = schema;
  for (const part of path) type = insideOf(type, part);
  const object = asObject(type);
  return object === undefined ? [] : Object.keys(object.shape);
}

function insideOf(type: unknown, part: PropertyKey): unknown {
  const object = asObject(type);
  if (object !== undefined) return object.shape[String(part)];
  const bare = withoutOptional(type);
  if (bare instanceof z.ZodMiniArray) return bare.def.element;
  return bare instanceof z.ZodMiniRecord ? bare.def.valueType : undefined;
}

/** A union has at most one object; its other members are short forms. */
function asObject(type: unknown): z.ZodMiniObject | undefined {
  const bare = withoutOptional(type);
  const choices: readonly unknown[] = bare instanceof z.ZodMiniUnion ? bare.def.options : [bare];
  return choices.find((choice) => choice instanceof z.ZodMiniObject);
}

function withoutOptional(type: unknown): unknown {
  return type instanceof z.ZodMiniOptional ? type.def.innerType : type;
}

/** ["trees", 0, "source"] as trees[0].source, ["contents", "/etc/hosts"] as contents["/etc/hosts"] */
function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    if (!/^[A-Za-z_]\w*$/.test(String(part))) return `${text}[${JSON.stringify(part)}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
}
