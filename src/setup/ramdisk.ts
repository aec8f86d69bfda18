import { realpathSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { type BaseContext, createContextWithoutCuts, type GlobalOptions } from '../cli/context.ts';
import { formatSize, parseSize } from '../conf/values.ts';
import { EXIT, UsageError, UserError } from '../errors.ts';
import { runtimeDirectories } from '../host/directories.ts';
import { findMountAt, type Mount } from '../host/mounts.ts';
import { type PinnedDirectory, pinDirectory } from '../host/pinned-directory.ts';
import { findProgram, programSearchPath } from '../host/programs.ts';
import { addZram, readExt4Label, removeZram, sizeZram, ZRAM_CONTROL } from '../host/zram.ts';
import { formatCommandLine } from '../sys/command-line.ts';
import { runTool } from '../sys/exec.ts';
import { isDirectory, listIfReachable } from '../sys/stat.ts';
import type { Ui } from '../ui/terminal.ts';
import { listVms } from '../vm/registry.ts';
import { findInvoker, type Invoker, runAsInvoker } from './invoker.ts';

/** Label of an ext4 and source of a tmpfs that this command made: how it knows its own. */
const NAME = 'rapido-ramdisk';

const MIB = 1024 * 1024;
const DEFAULT_SIZE = '2G';

export interface RamdiskOptions extends GlobalOptions {
  size?: string | undefined;
  dryRun?: boolean | undefined;
}

/** What both commands work on. */
interface Ramdisk {
  invoker: Invoker;
  context: BaseContext;
  /** IMAGE_DIR */
  directory: string;
  mount: Mount | undefined;
}

async function openRamdisk(options: RamdiskOptions, ui: Ui): Promise<Ramdisk> {
  const invoker = await findInvoker(process.env);
  const context = createContextWithoutCuts(options, ui, { ...process.env, HOME: invoker.home });
  const directory = context.conf.get('IMAGE_DIR');
  if (directory === undefined) throw new UsageError('IMAGE_DIR is not set');
  return { invoker, context, directory, mount: findMountAt(directory) };
}

/** `rapido setup-ramdisk` @returns the exit status */
export async function runSetupRamdisk(options: RamdiskOptions, ui: Ui): Promise<number> {
  const bytes = parseRamdiskSize(options.size ?? DEFAULT_SIZE);
  const ramdisk = await openRamdisk(options, ui);
  const { directory, mount, invoker } = ramdisk;
  if (mount !== undefined) {
    if (!isOurs(mount, process.getuid?.() === 0)) throw refuseStranger(directory, mount);
    ui.note(`${directory} is a ramdisk already`);
    return EXIT.ok;
  }
  const hasMkfs = findProgram('mkfs.ext4', programSearchPath(process.env.PATH)) !== undefined;
  if (options.dryRun === true) {
    for (const line of describeSetup(ramdisk, bytes, hasMkfs)) ui.result(line);
    return EXIT.ok;
  }
  requireRoot('setup-ramdisk');
  const mountPoint = await makeMountPoint(directory, invoker);
  try {
    if (listIfReachable(mountPoint.path).length > 0) {
      ui.note(`what is in ${directory} is out of sight until \`rapido teardown-ramdisk\``);
    }
    const place = { ...ramdisk, directory: mountPoint.path };
    const reason = hasMkfs ? await mountZram(place, bytes) : 'there is no mkfs.ext4';
    if (reason !== undefined) {
      ui.warn(`${reason}: the ramdisk is a tmpfs, which is not compressed`);
      await runTool(mountTmpfs(place, bytes), { purpose: `mounting a tmpfs at ${directory}` });
    }
    await runTool(makePrivate(ramdisk), { purpose: `closing ${directory} to others` });
  } finally {
    mountPoint.release();
  }
  ui.note(
    `a ramdisk of up to ${formatSize(bytes)} is at ${directory}; what is on it is gone with it`,
  );
  return EXIT.ok;
}

function parseRamdiskSize(text: string): number {
  const bytes = parseSize(text);
  if (bytes !== undefined && bytes >= 16 * MIB) return bytes;
  throw new UsageError(`--size: "${text}" is not a size that a ramdisk can have`, {
    hint: 'a number with a unit, 16M at least: --size 2G',
  });
}

function requireRoot(command: string): void {
  if (process.getuid?.() === 0) return;
  throw new UserError(`only root can mount: rapido ${command} needs it`, {
    hint: `sudo rapido ${command}`,
  });
}

/**
 * Made by the user, who root acts for: nothing of theirs must become root's. It is pinned, as they could
 * put a link in its place before root mounts there.
 */
async function makeMountPoint(directory: string, invoker: Invoker): Promise<PinnedDirectory> {
  if (!isDirectory(directory)) {
    await runTool(runAsInvoker(['mkdir', '--parents', '--', directory], invoker), {
      purpose: `making ${directory}`,
    });
  }
  const mountPoint = pinDirectory(directory);
  const { stats, mount } = mountPoint;
  if (stats.uid === invoker.uid && mount === undefined) return mountPoint;
  mountPoint.release();
  if (mount !== undefined) throw refuseStranger(directory, mount);
  throw new UserError(
    `${directory} (IMAGE_DIR) belongs to user ${stats.uid}, not to ${invoker.uid}`,
    { hint: 'call it with sudo from the account that uses rapido, or set IMAGE_DIR' },
  );
}

/** Where a ramdisk is mounted, and for whom. */
type Place = Pick<Ramdisk, 'directory' | 'invoker'>;

/** Mounts a compressed ramdisk. @returns why there is no zram, or undefined if it is mounted */
async function mountZram(place: Place, bytes: number): Promise<string | undefined> {
  if (!isDirectory(ZRAM_CONTROL)) await loadZram();
  const number = addZram();
  if (number === undefined) return 'this kernel has no zram (CONFIG_ZRAM)';
  try {
    await sizeZram(number, bytes);
    await runTool(makeExt4(number, place), { purpose: 'making a filesystem on zram' });
    await runTool(mountExt4(number, place), { purpose: 'mounting the ramdisk' });
  } catch (error) {
    await removeZram(number);
    throw error;
  }
  return undefined;
}

const LOAD_ZRAM: [string, ...string[]] = ['modprobe', 'zram', 'num_devices=0'];

/** A kernel that has none is no error: there is tmpfs. */
async function loadZram(): Promise<void> {
  try {
    await runTool(LOAD_ZRAM, { purpose: 'loading zram' });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
}

/** Without a journal: there is nothing to recover. */
function makeExt4(number: number | 'N', { invoker }: Place): [string, ...string[]] {
  const { uid, gid } = invoker;
  const features = ['-O', '^has_journal', '-m', '0', '-E', `nodiscard,root_owner=${uid}:${gid}`];
  return ['mkfs.ext4', '-q', '-L', NAME, ...features, `/dev/zram${number}`];
}

/** With discard, memory is given back when a file is removed. */
function mountExt4(number: number | 'N', { directory }: Place): [string, ...string[]] {
  return mount('ext4', 'discard,noatime,nosuid,nodev', `/dev/zram${number}`, directory);
}

function mountTmpfs({ directory, invoker }: Place, bytes: number): [string, ...string[]] {
  const { uid, gid } = invoker;
  const options = `size=${bytes},mode=0700,uid=${uid},gid=${gid},noatime,nosuid,nodev`;
  return mount('tmpfs', options, NAME, directory);
}

/** Done by its user, who may do nothing else by it, wherever the path leads. */
function makePrivate({ directory, invoker }: Place): [string, ...string[]] {
  return runAsInvoker(['chmod', '0700', '--', directory], invoker);
}

/** mount(8) itself must not look where a pinned directory was: that may be another one by now. */
function mount(
  type: string,
  options: string,
  source: string,
  directory: string,
): [string, ...string[]] {
  return ['mount', '--no-canonicalize', '-t', type, '-o', options, source, directory];
}

function describeSetup(ramdisk: Ramdisk, bytes: number, hasMkfs: boolean): string[] {
  const { directory, invoker } = ramdisk;
  const makeDirectory = runAsInvoker(['mkdir', '--parents', '--', directory], invoker);
  return [
    ...(isDirectory(directory) ? [] : [formatCommandLine(makeDirectory)]),
    ...(hasMkfs
      ? [
          ...(isDirectory(ZRAM_CONTROL) ? [] : [formatCommandLine(LOAD_ZRAM)]),
          `# N is what ${ZRAM_CONTROL}/hot_add says; ${bytes} goes into /sys/block/zramN/disksize`,
          formatCommandLine(makeExt4('N', ramdisk)),
          formatCommandLine(mountExt4('N', ramdisk)),
          '# where there is no zram:',
        ]
      : []),
    formatCommandLine(mountTmpfs(ramdisk, bytes)),
    formatCommandLine(makePrivate(ramdisk)),
  ];
}

/** Whether `setup-ramdisk` mounted it. Who may not read the device's label goes by its kind. */
function isOurs({ type, source }: Mount, canReadLabel: boolean): boolean {
  if (type === 'tmpfs') return source === NAME;
  if (type !== 'ext4' || zramNumber(source) === undefined) return false;
  return !canReadLabel || readExt4Label(source) === NAME;
}

function zramNumber(source: string): number | undefined {
  const digits = /^\/dev\/zram(\d+)$/.exec(source)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function refuseStranger(directory: string, { type, source }: Mount): UserError {
  return new UserError(
    `${directory} (IMAGE_DIR) is a mount point already: ${source} (${type}), which rapido did not mount`,
    { hint: 'umount it, or set IMAGE_DIR to another directory' },
  );
}

/** `rapido teardown-ramdisk` @returns the exit status */
export async function runTeardownRamdisk(options: RamdiskOptions, ui: Ui): Promise<number> {
  const ramdisk = await openRamdisk(options, ui);
  const { directory, mount } = ramdisk;
  if (mount === undefined) {
    ui.note(`there is no ramdisk at ${directory}`);
    return EXIT.ok;
  }
  if (!isOurs(mount, process.getuid?.() === 0)) throw refuseStranger(directory, mount);
  refuseWhileInUse(ramdisk);
  if (options.dryRun === true) {
    const number = zramNumber(mount.source);
    ui.result(formatCommandLine(unmount(directory)));
    if (number !== undefined) ui.result(`# ${number} goes into ${ZRAM_CONTROL}/hot_remove`);
    return EXIT.ok;
  }
  requireRoot('teardown-ramdisk');
  await unmountPinned(ramdisk);
  ui.note(`the ramdisk at ${directory} is gone`);
  return EXIT.ok;
}

function unmount(directory: string): [string, ...string[]] {
  return ['umount', '--no-canonicalize', '--', directory];
}

/**
 * Takes it away by a name in the directory that it is in, which is pinned: no link that its owner could
 * put in its place leads root elsewhere. A ramdisk that is pinned itself would be busy.
 */
async function unmountPinned({ directory, invoker }: Ramdisk): Promise<void> {
  const path = realpathSync(directory);
  const parent = pinDirectory(dirname(path));
  try {
    const target = `${parent.path}/${basename(path)}`;
    const { mount, stats, release } = pinDirectory(target, { mayBeLink: false });
    release();
    const isTheirs = invoker.uid === 0 || stats.uid === invoker.uid;
    if (mount === undefined || !isOurs(mount, true) || !isTheirs) {
      throw new UserError(`${directory} (IMAGE_DIR) is no ramdisk of user ${invoker.uid}`);
    }
    await runTool(unmount(target), {
      purpose: `taking ${directory} away (fuser -vm shows who uses it)`,
    });
    const number = zramNumber(mount.source);
    if (number !== undefined) await removeZram(number);
  } finally {
    parent.release();
  }
}

/** A VM whose image or disk is on the ramdisk must end first. */
function refuseWhileInUse({ directory, context, invoker }: Ramdisk): void {
  const own = context.conf.get('QEMU_PID_DIR');
  const registries = own === undefined ? runtimeDirectories(context.env, invoker.uid) : [own];
  const isBelow = (path: string): boolean => path.startsWith(`${directory}/`);
  const problems = [...new Set(registries)]
    .flatMap((registry) => listVms(registry, invoker.uid))
    .filter(({ image, disks }) => [image, ...disks.map(({ path }) => path)].some(isBelow))
    .map(({ number, hostname, cut }) => `VM ${number} (${hostname}) runs ${cut} from it`);
  if (problems.length === 0) return;
  throw new UserError(`the ramdisk at ${directory} is in use`, {
    problems: [...new Set(problems)],
    hint: 'end them first',
  });
}
