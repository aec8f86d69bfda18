import * as z from 'zod';
import type { BlockedTask } from '../formats/klog/blocked-tasks.ts';
import type { ShownDisk } from '../vm/disks.ts';
import type {
  RunBoot,
  RunHost,
  RunKernel,
  RunResult,
  RunServer,
  RunSplat,
  RunTimes,
  TestResult,
} from './run-result.ts';

/** The version of result.json that this rapido writes and reads. */
const VERSION = 1;

/** Makes the compiler check that no field of an interface is missing. */
type Fields<T> = Record<keyof T, z.ZodType>;

const text = z.string();
const milliseconds = z.number();
const status = z.int();

const test = {
  name: text,
  status: z.enum(['pass', 'fail', 'skip', 'xfail', 'xpass', 'interrupted']),
  start: milliseconds.optional(),
  duration: milliseconds.optional(),
  message: text.optional(),
  output: text.optional(),
} satisfies Fields<TestResult>;

const splat = {
  kind: text,
  severity: z.enum(['fatal', 'error', 'note']),
  title: text,
  count: z.int(),
  start: milliseconds.optional(),
  text,
  decoded: text.optional(),
  during: text.optional(),
  vm: text.optional(),
  boot: z.int().optional(),
  excused: text.optional(),
  excusedBy: text.optional(),
} satisfies Fields<RunSplat>;

const blockedTask = {
  name: text,
  pid: z.int(),
  function: text.optional(),
} satisfies Fields<BlockedTask>;

const disk = {
  path: text,
  serial: text,
  bus: z.enum(['virtio', 'nvme']),
  format: text,
  readonly: z.boolean(),
  scratch: z.number().optional(),
} satisfies Fields<ShownDisk>;

const times = {
  build: milliseconds.optional(),
  cut: milliseconds.optional(),
  servers: milliseconds.optional(),
  boot: milliseconds.optional(),
  autorun: milliseconds.optional(),
  command: milliseconds.optional(),
  powerOff: milliseconds.optional(),
  total: milliseconds,
} satisfies Fields<RunTimes>;

const verdict = z.enum(['pass', 'fail', 'crash', 'splat', 'timeout', 'interrupted', 'error']);

const boot = {
  verdict,
  reason: text,
  tests: z.int(),
  start: milliseconds.optional(),
  times: z.object({
    boot: milliseconds.optional(),
    autorun: milliseconds.optional(),
    command: milliseconds.optional(),
    powerOff: milliseconds.optional(),
  } satisfies Fields<RunBoot['times']>),
} satisfies Fields<RunBoot>;

const server = {
  cut: text,
  number: z.int(),
  failure: text.optional(),
  start: milliseconds.optional(),
  console: text,
} satisfies Fields<RunServer>;

const kernel = {
  release: text,
  image: text,
  git: text.optional(),
  commit: text.optional(),
  branch: text.optional(),
} satisfies Fields<RunKernel>;

const host = { name: text, release: text, architecture: text } satisfies Fields<RunHost>;

const fields = {
  version: z.literal(VERSION),
  id: text,
  verdict,
  status,
  reason: text,
  cut: text,
  rapido: text.optional(),
  host: z.object(host).optional(),
  command: z
    .union([
      z.object({ arguments: z.array(text) }),
      z.object({ shell: text }),
      z.object({ script: text }),
    ])
    .optional(),
  commandStatus: status.optional(),
  autorun: z.array(z.object({ script: text, status })),
  kernel: z.object(kernel).optional(),
  vm: z
    .object({
      accelerator: z.enum(['kvm', 'tcg']),
      cpus: z.int(),
      memory: z.number(),
      start: milliseconds.optional(),
      disks: z.array(z.object(disk)).optional(),
      qemu: z.array(text),
    })
    .optional(),
  started: z.iso.datetime({ offset: true }),
  times: z.object(times),
  servers: z.array(z.object(server)).optional(),
  boots: z.array(z.object(boot)).optional(),
  tests: z.array(z.object(test)),
  splats: z.array(z.object(splat)),
  blockedTasks: z.array(z.object(blockedTask)).optional(),
  notes: z.array(text),
} satisfies Fields<RunResult>;

const schema = z.looseObject(fields);

/** A result, or why the text is not one, in a few words. */
export type ParsedResult = { result: RunResult } | { reason: string };

/**
 * Parses the text of a result.json. Unknown fields are kept, because a newer rapido may add fields without a new
 * version of the format.
 */
export function parseResult(json: string): ParsedResult {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return { reason: json.trim() === '' ? 'empty' : 'not valid JSON' };
  }
  const version = versionOf(value);
  if (version !== undefined && version > VERSION) {
    return { reason: `written by a newer rapido (format version ${version})` };
  }
  const checked = schema.safeParse(value);
  if (checked.success) return { result: value as RunResult };
  const [issue] = checked.error.issues;
  const where = issue?.path.join('.') ?? '';
  return { reason: `not a result of a run: ${where === '' ? '' : `${where}: `}${issue?.message}` };
}

function versionOf(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null || !('version' in value)) return undefined;
  return typeof value.version === 'number' ? value.version : undefined;
}
