import { join, resolve } from 'node:path';
import { formatSize, parseSize } from '../conf/values.ts';
import { UsageError, UserError } from '../errors.ts';
import { findNearest } from '../sys/text.ts';
import { DISK_FORMATS, type DiskFormat, type RecognisedFormat } from './disk-format.ts';

/** The buses of disks. The guest sees `/dev/vda` or `/dev/nvme0n1`. */
const BUSES = ['virtio', 'nvme'] as const;
export type DiskBus = (typeof BUSES)[number];

/** QEMU's cache modes, qemu(1). */
const CACHES = ['none', 'writeback', 'writethrough', 'directsync', 'unsafe'] as const;
type DiskCache = (typeof CACHES)[number];

/** A disk as the user specified it. */
export interface DiskRequest {
  /** The origin, for messages: `--disk`, `rapido.conf:12: DISKS of [vm1]`. */
  where: string;
  source: DiskSource;
  format: DiskFormat | undefined;
  readonly: boolean;
  cache: DiskCache | undefined;
  discard: boolean;
  bus: DiskBus;
  serial: string | undefined;
}

/** An absolute path, or the size of a scratch disk in bytes. */
type DiskSource = { path: string } | { bytes: number };

/** The origin of a disk, and how its path is resolved. */
export interface DiskPlace {
  where: string;
  /** The directory that relative paths start from. */
  base: string;
  /** The directory for `~/`. */
  home: string;
}

/** What the host knows of an existing file or block device. */
export interface DiskFacts {
  /** The same for every name of a file; device and inode, or the number of a block device. */
  identity: string;
  /** The recognised format; raw for a block device. */
  recognised: RecognisedFormat;
}

/** A disk of a VM, fully planned. */
export interface DiskPlan {
  path: string;
  /** Size in bytes of a scratch disk, created for the VM and removed after it; undefined: an existing disk. */
  scratch: number | undefined;
  identity: string;
  format: DiskFormat;
  readonly: boolean;
  cache: DiskCache;
  discard: boolean;
  bus: DiskBus;
  /** Names the disk in the guest; unique in the VM. */
  serial: string;
}

/**
 * Parses the value of `DISKS`: disks separated by a comma and white space.
 * @throws UsageError with all problems
 */
export function parseDisks(text: string, place: DiskPlace): DiskRequest[] {
  const problems: string[] = [];
  const disks = text
    .split(/(?<!,),\s+/)
    .map((item) => item.trim())
    .filter(Boolean)
    .map((item) => readDisk(item, place, problems));
  refuse(problems);
  return disks;
}

/**
 * Parses one disk: `file.qcow2,serial=TEST_DEV`, `/dev/sdb,readonly`, `size:10G`. As in QEMU's options, a comma
 * in a path is written twice.
 * @throws UsageError with all problems
 */
export function parseDisk(text: string, place: DiskPlace): DiskRequest {
  const problems: string[] = [];
  const disk = readDisk(text, place, problems);
  refuse(problems);
  return disk;
}

function refuse(problems: readonly string[]): void {
  if (problems.length === 0) return;
  const count = problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`;
  throw new UsageError(`${count} in the disks of a VM`, {
    problems,
    hint: 'FILE, /dev/NAME or size:10G, then options separated by commas without blanks: disk.qcow2,serial=TEST_DEV,readonly; in DISKS, separate disks with a comma and a blank',
  });
}

function readDisk(text: string, place: DiskPlace, problems: string[]): DiskRequest {
  const [source = '', ...words] = text.match(/(?:[^,]|,,)+/g) ?? [];
  const complain = (problem: string): void => {
    problems.push(`${place.where}: ${text}: ${problem}`);
  };
  const disk: DiskRequest = {
    where: place.where,
    source: readSource(source, place, complain),
    format: undefined,
    readonly: false,
    cache: undefined,
    discard: false,
    bus: 'virtio',
    serial: undefined,
  };
  const seen = new Set<string>();
  for (const word of words) {
    const [name = '', ...rest] = word.split('=');
    const value = rest.length === 0 ? undefined : rest.join('=');
    if (seen.has(name)) complain(`${name} was given twice`);
    seen.add(name);
    applyOption(disk, name, value, complain);
  }
  if ('bytes' in disk.source && disk.readonly) complain('a read-only scratch disk would be empty');
  if ('bytes' in disk.source && disk.format !== undefined && disk.format !== 'raw') {
    complain('the format of a scratch disk is always raw');
  }
  return disk;
}

type Complain = (problem: string) => void;

const MIB = 1024 * 1024;
const SECTOR = 512;

function readSource(source: string, { base, home }: DiskPlace, complain: Complain): DiskSource {
  const size = /^size:(.*)$/.exec(source)?.[1];
  if (size !== undefined) {
    const bytes = parseSize(size);
    if (bytes === undefined)
      complain(`"${size}" is not a valid size: use a number with a unit, such as 512M, 10G or 1T`);
    else if (bytes < MIB) complain(`${size} is less than 1M; did you mean ${parseInt(size, 10)}G?`);
    else if (bytes % SECTOR !== 0) complain(`${size} is not a multiple of ${SECTOR} bytes`);
    return { bytes: bytes ?? 0 };
  }
  const path = source.replaceAll(',,', ',');
  if (path === '') complain('a path or a size is missing');
  if (path === '~' || path.startsWith('~/')) return { path: join(home, path.slice(1)) };
  return { path: resolve(base, path) };
}

const OPTIONS = ['format', 'readonly', 'cache', 'discard', 'bus', 'serial'] as const;

function applyOption(
  disk: DiskRequest,
  name: string,
  value: string | undefined,
  complain: Complain,
): void {
  switch (name) {
    case 'readonly':
    case 'discard':
      disk[name] = readSwitch(name, value, complain);
      return;
    case 'format':
      disk.format = pick(name, value, DISK_FORMATS, complain);
      return;
    case 'cache':
      disk.cache = pick(name, value, CACHES, complain);
      return;
    case 'bus':
      disk.bus = pick(name, value, BUSES, complain) ?? disk.bus;
      return;
    case 'serial':
      if (value !== undefined && SERIAL.test(value)) disk.serial = value;
      else complain(`serial=${value ?? ''}: a serial has 1 to 20 letters, digits, "_", "-" or "."`);
      return;
    default:
      complain(explainOption(name));
  }
}

/**
 * VIRTIO_BLK_ID_BYTES of linux/virtio_blk.h is 20, as is the length of the serial number in NVMe's Identify data.
 * A space would end a word of the kernel command line.
 */
const SERIAL = /^[\w.-]{1,20}$/;

function readSwitch(name: string, value: string | undefined, complain: Complain): boolean {
  if (value === undefined || value === 'on') return true;
  if (value !== 'off') complain(`${name}=${value}: it takes no value`);
  return false;
}

function pick<Choice extends string>(
  name: string,
  value: string | undefined,
  choices: readonly Choice[],
  complain: Complain,
): Choice | undefined {
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  const nearest = findNearest(value ?? '', choices);
  const meant = nearest === undefined ? '' : `; did you mean ${name}=${nearest}?`;
  complain(`${name}=${value ?? ''}: possible values are ${choices.join(', ')}${meant}`);
  return undefined;
}

function explainOption(name: string): string {
  if (name.startsWith('size:'))
    return `separate ${name} from the disk before it with a comma and a blank`;
  const nearest = findNearest(name, OPTIONS);
  const remedy =
    nearest === undefined ? `the options are ${OPTIONS.join(', ')}` : `did you mean ${nearest}?`;
  return `there is no option ${name}; ${remedy}`;
}

/** Combines the disks. One of the command line replaces one of the conf with the same serial. */
export function mergeDisks(
  ofConf: readonly DiskRequest[],
  ofCommandLine: readonly DiskRequest[],
): DiskRequest[] {
  const replaced = new Set(ofCommandLine.map(({ serial }) => serial).filter(Boolean));
  return [...ofConf.filter(({ serial }) => !replaced.has(serial)), ...ofCommandLine];
}

/** A PCI bus has 32 slots; the others are for rapido's own devices. */
const MAXIMAL_DISKS = 20;

/**
 * Plans the disks of a VM.
 * @param facts by path
 * @param scratchPath returns the path for the scratch disk at a position, from 1
 * @throws UsageError with all problems
 */
export function planDisks(
  requests: readonly DiskRequest[],
  facts: ReadonlyMap<string, DiskFacts>,
  scratchPath: (position: number) => string,
): DiskPlan[] {
  const problems: string[] = [];
  if (requests.length > MAXIMAL_DISKS) {
    problems.push(`${requests.length} disks: a VM can have ${MAXIMAL_DISKS} at most`);
  }
  const plans = requests.map((request, index) => {
    const plan = planDisk(request, index + 1, facts, scratchPath);
    checkOtherFiles(request, facts, problems);
    return plan;
  });
  for (const [index, { identity, serial, path }] of plans.entries()) {
    const { where = '' } = requests[index] ?? {};
    const earlier = plans.slice(0, index);
    const same = earlier.find((plan) => plan.identity === identity);
    if (same !== undefined) problems.push(`${where}: ${path}: ${describeSame(path, same.path)}`);
    else if (earlier.some((plan) => plan.serial === serial)) {
      problems.push(`${where}: ${path}: another disk has the serial ${serial}`);
    }
  }
  if (problems.length > 0) {
    throw new UsageError('these disks cannot be used', { problems });
  }
  return plans;
}

function describeSame(path: string, other: string): string {
  return path === other ? 'it was given twice' : `it is the same as ${other}`;
}

function planDisk(
  request: DiskRequest,
  position: number,
  facts: ReadonlyMap<string, DiskFacts>,
  scratchPath: (position: number) => string,
): DiskPlan {
  const { source, readonly, bus } = request;
  const shared = { readonly, bus, serial: request.serial ?? `disk${position}` };
  if ('bytes' in source) {
    const path = scratchPath(position);
    // A scratch disk does not outlive the VM, so flushing it is a waste of time, and discarded blocks can be freed.
    const own = {
      identity: path,
      scratch: source.bytes,
      cache: request.cache ?? 'unsafe',
    } as const;
    return { path, ...own, format: 'raw', discard: true, ...shared };
  }
  const { identity = source.path, recognised } = facts.get(source.path) ?? {};
  return {
    path: source.path,
    scratch: undefined,
    identity,
    format: request.format ?? recognised?.format ?? 'raw',
    cache: request.cache ?? 'writeback',
    discard: request.discard,
    ...shared,
  };
}

/** Reports an image that could make QEMU open other files, unless the user specified its format. */
function checkOtherFiles(
  { source, format, where }: DiskRequest,
  facts: ReadonlyMap<string, DiskFacts>,
  problems: string[],
): void {
  if (!('path' in source) || format !== undefined) return;
  const { recognised } = facts.get(source.path) ?? {};
  if (recognised?.otherFiles === undefined) return;
  problems.push(
    `${where}: ${source.path}: it looks like ${recognised.format}, and ${recognised.otherFiles}; a guest could have written this header: add format=${recognised.format} if it is one, else format=raw`,
  );
}

/** A disk in the registry of running VMs. */
export interface VmDisk {
  path: string;
  identity: string;
  readonly: boolean;
}

export function noteDisks(disks: readonly DiskPlan[]): VmDisk[] {
  return disks.map(({ path, identity, readonly }) => ({ path, identity, readonly }));
}

/**
 * @param vms the running VMs
 * @throws UserError if one of them uses a disk that must not be shared
 */
export function refuseDisksInUse(
  disks: readonly DiskPlan[],
  vms: readonly { hostname: string; number: number; disks: readonly VmDisk[] }[],
): void {
  const problems = disks.flatMap(({ identity, readonly, path }) =>
    vms
      .filter((vm) =>
        vm.disks.some((other) => other.identity === identity && !(readonly && other.readonly)),
      )
      .map(({ hostname, number }) => `${path}: in use by the running VM ${number} (${hostname})`),
  );
  if (problems.length === 0) return;
  throw new UserError('a disk is in use', {
    problems,
    hint: 'stop that VM first; VMs can share a disk if each of them has it with readonly',
  });
}

/**
 * The kernel parameter that describes the disks to guest/init: `virtio/TEST_DEV,nvme/disk2`. guest/init loads the
 * drivers of these buses and waits for disks with these serials. A disk in QEMU's extra arguments may have no
 * serial: `virtio/`.
 */
export function disksParameter(
  disks: readonly Pick<DiskPlan, 'bus' | 'serial'>[],
  extraArguments: readonly string[],
): string | undefined {
  const own = disks.map(({ bus, serial }) => `${bus}/${serial}`);
  const extra = extraArguments.flatMap((word) => {
    const bus = busOf(word);
    const [, serial = ''] = /,serial=([\w.-]+)(?:,|$)/.exec(word) ?? [];
    return bus === undefined ? [] : [`${bus}/${serial}`];
  });
  const words = new Set([...own, ...extra]);
  return words.size === 0 ? undefined : [...words].join(',');
}

/** The bus of the disk that a QEMU argument adds; undefined: the argument adds none. */
function busOf(qemuArgument: string): DiskBus | undefined {
  if (/^virtio-blk|\bif=virtio\b/.test(qemuArgument)) return 'virtio';
  return /^nvme\b/.test(qemuArgument) ? 'nvme' : undefined;
}

/** The properties of a disk that messages and results show. */
export interface ShownDisk extends Pick<DiskPlan, 'path' | 'serial' | 'bus' | 'readonly'> {
  format: string;
  scratch?: number | undefined;
}

/** `/images/test.qcow2 (qcow2, virtio, serial TEST_DEV, read-only)`; `a scratch disk of 10G (…)`. */
export function describeDisk(disk: ShownDisk): string {
  const { path, scratch, format, bus, serial, readonly } = disk;
  const what = scratch === undefined ? path : `a scratch disk of ${formatSize(scratch)}`;
  const kind = scratch === undefined ? `${format}, ` : '';
  return `${what} (${kind}${bus}, serial ${serial}${readonly ? ', read-only' : ''})`;
}
