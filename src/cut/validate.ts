import { z } from 'zod';
import type { ConfType } from '../conf/key.ts';
import { UsageError } from '../errors.ts';
import type { Cut } from './cut.ts';

/** The types a key of the cut's own may have: `ConfType`. */
const CONF_TYPES = [
  'string',
  'path',
  'integer',
  'size',
  'words',
  'arguments',
  'boolean',
  'enum',
] as const satisfies readonly ConfType[];

const names = z.array(z.string().min(1));

const schema = z.strictObject({
  summary: z.string().min(1).regex(/^.*$/, 'must be one line'),
  binaries: names.optional(),
  optionalBinaries: names.optional(),
  searchPath: names.optional(),
  drivers: names.optional(),
  optionalDrivers: names.optional(),
  trees: z
    .array(
      z.strictObject({
        source: z.string().min(1),
        target: guestPath().optional(),
        exclude: names.optional(),
      }),
    )
    .optional(),
  files: z
    .array(
      z.strictObject({
        source: z.string().min(1),
        target: guestPath().optional(),
        optional: z.boolean().optional(),
      }),
    )
    .optional(),
  contents: z.record(guestPath(), z.string()).optional(),
  dracut: z.strictObject({ modules: names.optional(), args: names.optional() }).optional(),
  autorun: names.optional(),
  directory: z.string().min(1).optional(),
  resources: z
    .strictObject({
      cpus: z.int().min(1).max(256).optional(),
      memory: z
        .string()
        .regex(/^[1-9]\d*[MG]$/, 'must be a number with a unit: 512M, 2G')
        .optional(),
    })
    .optional(),
  network: z.boolean().optional(),
  conf: z
    .strictObject({
      needs: names.optional(),
      uses: names.optional(),
      defines: z
        .record(
          z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'must be in capitals: MY_TESTS'),
          z.looseObject({ type: z.enum(CONF_TYPES), meaning: z.string().min(1) }),
        )
        .optional(),
    })
    .optional(),
});

function guestPath(): z.ZodString {
  return z.string().startsWith('/', 'must be an absolute path in the guest');
}

/**
 * Checks what a cut file exports.
 * @param file for messages
 * @throws UsageError that names the file and every wrong field
 */
export function validateCut(value: unknown, file: string): Cut {
  if (value === undefined || value === null) {
    throw new UsageError(`${file}: it exports no cut`, {
      hint: 'export one: export default defineCut({ summary: …, binaries: […] })',
    });
  }
  const result = schema.safeParse(value);
  if (result.success) return value as Cut;
  throw new UsageError(`${file}: not a valid cut`, {
    problems: result.error.issues.flatMap(describeIssue),
    hint: 'docs/writing-cuts.md lists the fields',
  });
}

function describeIssue(issue: z.core.$ZodIssue): string[] {
  const where = formatPath(issue.path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => `${formatPath([...issue.path, key])}: no such field`);
    case 'invalid_key':
      return issue.issues.map(({ message }) => `${where}: ${message}`);
    case 'too_small':
      return [`${where}: ${issue.origin === 'string' ? 'must not be empty' : issue.message}`];
    default:
      return [`${where || 'the export'}: ${issue.message}`];
  }
}

/** ["trees", 0, "source"] as trees[0].source, ["contents", "/etc/hosts"] as contents["/etc/hosts"] */
function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    if (!/^[A-Za-z_]\w*$/.test(String(part))) return `${text}[${JSON.stringify(part)}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
}
