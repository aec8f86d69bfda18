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

/** ext4 label or tmpfs source of a ramdisk. rapido recognizes its own ramdisks by it. */
const NAME = 'rapido-ramdisk';

const MIB = 1024 * 1024;
const DEFAULT_SIZE = '2G';

export interface RamdiskOptions extends GlobalOptions {
  size?: string | undefined;
  dryRun?: boolean | undefined;
}

/** Shared by both commands. */
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
  if (directory === undefined) throw new UsageError('IMAGE_DIR is not set in rapido.conf');
  return { invoker, context, directory, mount: findMountAt(directory) };
}

/** `rapido setup-ramdisk` @returns the exit status */
export async function runSetupRamdisk(options: RamdiskOptions, ui: Ui): Promise<number> {
  const bytes = parseRamdiskSize(options.size ?? DEFAULT_SIZE);
  const ramdisk = await openRamdisk(options, ui);
  const { directory, mount, invoker } = ramdisk;
  if (mount !== undefined) {
    if (!isOurs(mount, process.getuid?.() === 0)) throw foreignMountError(directory, mount);
    ui.note(`${directory} is already a ramdisk`);
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
      ui.note(
        `the ramdisk hides the files in ${directory} until you run \`rapido teardown-ramdisk\``,
      );
    }
    const place = { ...ramdisk, directory: mountPoint.path };
    const reason = hasMkfs ? await mountZram(place, bytes) : 'mkfs.ext4 is missing';
    if (reason !== undefined) {
      ui.warn(`${reason}; using a tmpfs, which is not compressed`);
      await runTool(mountTmpfs(place, bytes), { purpose: `mounting a tmpfs at ${directory}` });
    }
    await runTool(makePrivate(ramdisk), { purpose: `setting the mode of ${directory}` });
  } finally {
    mountPoint.release();
  }
  ui.note(
    `mounted a ramdisk of up to ${formatSize(bytes)} at ${directory}; \`rapido teardown-ramdisk\` and a reboot delete its contents`,
  );
  return EXIT.ok;
}

function parseRamdiskSize(text: string): number {
  const bytes = parseSize(text);
  if (bytes !== undefined && bytes >= 16 * MIB) return bytes;
  throw new UsageError(`--size: "${text}" is not a valid size`, {
    hint: 'use a number with a unit, at least 16M: --size 2G',
  });
}

function requireRoot(command: string): void {
  if (process.getuid?.() === 0) return;
  throw new UserError(`rapido ${command} requires root, because only root can mount`, {
    hint: `sudo rapido ${command}`,
  });
}

/**
 * Creates the mount point as the invoker, so that it does not belong to root. The directory is pinned, because
 * the invoker could replace it with a link before root mounts there.
 */
async function makeMountPoint(directory: string, invoker: Invoker): Promise<PinnedDirectory> {
  if (!isDirectory(directory)) {
    await runTool(runAsInvoker(['mkdir', '--parents', '--', directory], invoker), {
      purpose: `creating ${directory}`,
    });
  }
  const mountPoint = pinDirectory(directory);
  const { stats, mount } = mountPoint;
  if (stats.uid === invoker.uid && mount === undefined) return mountPoint;
  mountPoint.release();
  if (mount !== undefined) throw foreignMountError(directory, mount);
  throw new UserError(
    `${directory} (IMAGE_DIR) belongs to user ${stats.uid}, not to ${invoker.uid}`,
    {
      hint: 'run it with sudo as the user who owns the directory, or set IMAGE_DIR to another directory',
    },
  );
}

/** Where a ramdisk is mounted, and for which user. */
type Place = Pick<Ramdisk, 'directory' | 'invoker'>;

/** Mounts a compressed ramdisk. @returns undefined if it is mounted; otherwise why zram cannot be used */
async function mountZram(place: Place, bytes: number): Promise<string | undefined> {
  if (!isDirectory(ZRAM_CONTROL)) await loadZram();
  const number = addZram();
  if (number === undefined) return 'this kernel has no zram (CONFIG_ZRAM)';
  try {
    await sizeZram(number, bytes);
    await runTool(makeExt4(number, place), { purpose: 'creating a filesystem on zram' });
    await runTool(mountExt4(number, place), { purpose: 'mounting the ramdisk' });
  } catch (error) {
    await removeZram(number);
    throw error;
  }
  return undefined;
}

const LOAD_ZRAM: [string, ...string[]] = ['modprobe', 'zram', 'num_devices=0'];

/** Errors are ignored: without zram, a tmpfs is used. */
async function loadZram(): Promise<void> {
  try {
    await runTool(LOAD_ZRAM, { purpose: 'loading zram' });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
}

/** No journal: there is nothing to recover after a crash. */
function makeExt4(number: number | 'N', { invoker }: Place): [string, ...string[]] {
  const { uid, gid } = invoker;
  const features = ['-O', '^has_journal', '-m', '0', '-E', `nodiscard,root_owner=${uid}:${gid}`];
  return ['mkfs.ext4', '-q', '-L', NAME, ...features, `/dev/zram${number}`];
}

/** With discard, removing a file frees its memory. */
function mountExt4(number: number | 'N', { directory }: Place): [string, ...string[]] {
  return mount('ext4', 'discard,noatime,nosuid,nodev', `/dev/zram${number}`, directory);
}

function mountTmpfs({ directory, invoker }: Place, bytes: number): [string, ...string[]] {
  const { uid, gid } = invoker;
  const options = `size=${bytes},mode=0700,uid=${uid},gid=${gid},noatime,nosuid,nodev`;
  return mount('tmpfs', options, NAME, directory);
}

/** Runs as the invoker, so it is harmless even if the invoker has redirected the path. */
function makePrivate({ directory, invoker }: Place): [string, ...string[]] {
  return runAsInvoker(['chmod', '0700', '--', directory], invoker);
}

/** mount(8) must not resolve the path of a pinned directory: it may lead to another directory by now. */
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
          `# N is the number read from ${ZRAM_CONTROL}/hot_add; then write ${bytes} to /sys/block/zramN/disksize`,
          formatCommandLine(makeExt4('N', ramdisk)),
          formatCommandLine(mountExt4('N', ramdisk)),
          '# without zram:',
        ]
      : []),
    formatCommandLine(mountTmpfs(ramdisk, bytes)),
    formatCommandLine(makePrivate(ramdisk)),
  ];
}

/** Whether `setup-ramdisk` mounted it. If the label of the device is not readable, any ext4 on zram counts. */
function isOurs({ type, source }: Mount, canReadLabel: boolean): boolean {
  if (type === 'tmpfs') return source === NAME;
  if (type !== 'ext4' || zramNumber(source) === undefined) return false;
  return !canReadLabel || readExt4Label(source) === NAME;
}

function zramNumber(source: string): number | undefined {
  const digits = /^\/dev\/zram(\d+)$/.exec(source)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function foreignMountError(directory: string, { type, source }: Mount): UserError {
  return new UserError(
    `${directory} (IMAGE_DIR) is already a mount point: ${source} (${type}), which rapido did not mount`,
    { hint: 'unmount it, or set IMAGE_DIR to another directory' },
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
  if (!isOurs(mount, process.getuid?.() === 0)) throw foreignMountError(directory, mount);
  refuseWhileInUse(ramdisk);
  if (options.dryRun === true) {
    const number = zramNumber(mount.source);
    ui.result(formatCommandLine(unmount(directory)));
    if (number !== undefined) ui.result(`# then write ${number} to ${ZRAM_CONTROL}/hot_remove`);
    return EXIT.ok;
  }
  requireRoot('teardown-ramdisk');
  await unmountPinned(ramdisk);
  ui.note(`removed the ramdisk at ${directory}`);
  return EXIT.ok;
}

function unmount(directory: string): [string, ...string[]] {
  return ['umount', '--no-canonicalize', '--', directory];
}

/**
 * Unmounts the ramdisk by its name in the parent directory, which is pinned, so that a link that the owner puts
 * in its place cannot redirect root. The ramdisk itself is not pinned, because it would be busy.
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
      throw new UserError(`${directory} (IMAGE_DIR) is not a ramdisk of user ${invoker.uid}`);
    }
    await runTool(unmount(target), {
      purpose: `unmounting ${directory} (\`fuser -vm\` shows the processes that use it)`,
    });
    const number = zramNumber(mount.source);
    if (number !== undefined) await removeZram(number);
  } finally {
    parent.release();
  }
}

/** Rejects the removal while a VM has its image or a disk on the ramdisk. */
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
    hint: 'stop these VMs first: rapido stop NUMBER',
  });
}
