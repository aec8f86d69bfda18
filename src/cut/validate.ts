import * as z from 'zod';
import type { ConfKey } from '../conf/key.ts';
import { CONF_TYPES } from '../conf/types.ts';
import { UsageError } from '../errors.ts';
import { ownFile } from '../host/directories.ts';
import { findNearest } from '../sys/text.ts';
import type { Cut, HostFile, OutputFormat, Tree, ZramDevice } from './cut.ts';

/** A schema for each field of a type, so that the compiler reports fields that are missing or too many. */
type FieldsOf<Type> = Record<Type extends unknown ? keyof Type : never, z.ZodType>;

const OUTPUT_FORMATS: Readonly<Record<OutputFormat, OutputFormat>> = {
  ktap: 'ktap',
  fstests: 'fstests',
  blktests: 'blktests',
  ltp: 'ltp',
};

const names = z.array(z.string().min(1));

const tree = z.strictObject({
  source: z.string().min(1),
  target: expandablePath().optional(),
  exclude: names.optional(),
} satisfies FieldsOf<Tree>);

const hostFile = z.strictObject({
  source: z.string().min(1),
  target: expandablePath().optional(),
  optional: z.boolean().optional(),
  ifSet: z.boolean().optional(),
} satisfies FieldsOf<HostFile>);

const dracut = z.strictObject({
  modules: names.optional(),
  args: names.optional(),
} satisfies FieldsOf<Cut['dracut'] & {}>);

const test = z.strictObject({
  command: names.min(1).optional(),
  output: z.enum(OUTPUT_FORMATS).optional(),
  carry: z
    .array(z.string().regex(/^[\w.-]*[\w-][\w.-]*$/, 'must be a file name without a path'))
    .optional(),
  resumes: z.boolean().optional(),
  expected: names.optional(),
} satisfies FieldsOf<Cut['test'] & {}>);

const zramDevice = z.strictObject({
  size: zramSize(),
  /** Conf keys and their values. */
  when: z.record(z.string().min(1), z.string()).optional(),
} satisfies FieldsOf<ZramDevice>);

const resources = z.strictObject({
  cpus: z.int().min(1).max(255).optional(),
  memory: z
    .string()
    .regex(/^[1-9]\d*[MG]$/, 'must be a number with a unit: 512M, 2G')
    .optional(),
} satisfies FieldsOf<Cut['resources'] & {}>);

/** A row of `conf.defines`; `findKeyProblems` checks the values of the fields. */
const confKey = z.strictObject({
  type: z.enum(Object.keys(CONF_TYPES)),
  meaning: z.string().min(1),
  group: z.string().optional(),
  default: z.string().optional(),
  example: z.string().optional(),
  unit: z.string().optional(),
  deprecated: z.string().optional(),
  secret: z.literal(true).optional(),
  emptyIsOff: z.literal(true).optional(),
  minimum: z.number().optional(),
  values: names.optional(),
} satisfies FieldsOf<ConfKey>);

const conf = z.strictObject({
  needs: names.optional(),
  uses: names.optional(),
  defines: z
    .record(z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'must be in capitals: MY_TESTS'), confKey)
    .optional(),
} satisfies FieldsOf<Cut['conf'] & {}>);

const schema = z.strictObject({
  summary: z.string().min(1).regex(/^.*$/, 'must be one line'),
  binaries: names.optional(),
  optionalBinaries: names.optional(),
  kernelBinaries: z
    .record(z.string().regex(/^CONFIG_\w+$/, 'a kernel option, CONFIG_…'), names)
    .optional(),
  searchPath: names.optional(),
  drivers: names.optional(),
  optionalDrivers: names.optional(),
  kernelOptions: z
    .record(z.string().regex(/^CONFIG_\w+$/, 'a kernel option, CONFIG_…'), z.string().min(1))
    .optional(),
  trees: z.array(tree).optional(),
  files: z.array(hostFile).optional(),
  contents: z.record(guestPath(), z.string()).optional(),
  kernelConfig: z.boolean().optional(),
  dracut: dracut.optional(),
  init: z.literal('systemd').optional(),
  autorun: names.optional(),
  directory: z.string().min(1).optional(),
  test: test.optional(),
  zram: z
    .record(
      z.string().regex(/^[\w.-]{1,20}$/, 'must be 1 to 20 letters, digits, "_", "-" or "."'),
      z.union([zramSize(), zramDevice], {
        error: "must be a size, such as '512M', or { size, when }",
      }),
    )
    .optional(),
  resources: resources.optional(),
  network: z.boolean().optional(),
  sshServer: z.boolean().optional(),
  conf: conf.optional(),
} satisfies FieldsOf<Cut>);

function zramSize(): z.ZodString {
  return z.string().regex(/^\d+[KMGT]?$|\$\{/i, 'must be a size: 512M, 2G');
}

function guestPath(): z.ZodString {
  return z.string().startsWith('/', 'must be an absolute path in the guest');
}

/** A guest path that may start with a conf key. */
function expandablePath(): z.ZodString {
  return z.string().regex(/^(\/|\$\{)/, 'must be an absolute path in the guest');
}

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
  const result = schema.safeParse(value);
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
  if (bare instanceof z.ZodArray) return bare.element;
  return bare instanceof z.ZodRecord ? bare.valueType : undefined;
}

/** A union has at most one object; its other members are short forms. */
function asObject(type: unknown): z.ZodObject | undefined {
  const bare = withoutOptional(type);
  const choices: readonly unknown[] = bare instanceof z.ZodUnion ? bare.options : [bare];
  return choices.find((choice) => choice instanceof z.ZodObject);
}

function withoutOptional(type: unknown): unknown {
  return type instanceof z.ZodOptional ? type.unwrap() : type;
}

/** ["trees", 0, "source"] as trees[0].source, ["contents", "/etc/hosts"] as contents["/etc/hosts"] */
function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    if (!/^[A-Za-z_]\w*$/.test(String(part))) return `${text}[${JSON.stringify(part)}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
}
