import { statSync } from 'node:fs';
import { formatSize, parseSize } from '../conf/values.ts';
import { EXIT, UsageError, UserError } from '../errors.ts';
import { runtimeDirectories } from '../host/directories.ts';
import { findMountAt, type Mount } from '../host/mounts.ts';
import { findProgram, programSearchPath } from '../host/programs.ts';
import { addZram, readExt4Label, removeZram, sizeZram, ZRAM_CONTROL } from '../host/zram.ts';
import { formatCommandLine } from '../sys/command-line.ts';
import { runTool } from '../sys/exec.ts';
import { isDirectory, listIfReachable } from '../sys/stat.ts';
import type { Ui } from '../ui/terminal.ts';
import { listVms } from '../vm/registry.ts';
import { type BaseContext, createContextWithoutCuts, type GlobalOptions } from './context.ts';
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
  await makeMountPoint(directory, invoker);
  if (listIfReachable(directory).length > 0) {
    ui.note(`what is in ${directory} is out of sight until \`rapido teardown-ramdisk\``);
  }
  const reason = hasMkfs ? await mountZram(directory, bytes, invoker) : 'there is no mkfs.ext4';
  if (reason !== undefined) {
    ui.warn(`${reason}: the ramdisk is a tmpfs, which is not compressed`);
    await runTool(mountTmpfs(directory, bytes, invoker), { purpose: 'mounting a tmpfs' });
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

/** Made by the user, who root acts for: nothing of theirs must become root's. */
async function makeMountPoint(directory: string, invoker: Invoker): Promise<void> {
  if (!isDirectory(directory)) {
    await runTool(runAsInvoker(['mkdir', '--parents', '--', directory], invoker), {
      purpose: `making ${directory}`,
    });
  }
  const { uid } = statSync(directory);
  if (uid === invoker.uid) return;
  throw new UserError(`${directory} (IMAGE_DIR) belongs to user ${uid}, not to ${invoker.uid}`, {
    hint: 'call it with sudo from the account that uses rapido, or set IMAGE_DIR',
  });
}

/** Mounts a compressed ramdisk. @returns why there is no zram, or undefined if it is mounted */
async function mountZram(
  directory: string,
  bytes: number,
  invoker: Invoker,
): Promise<string | undefined> {
  if (!isDirectory(ZRAM_CONTROL)) await loadZram();
  const number = addZram();
  if (number === undefined) return 'this kernel has no zram (CONFIG_ZRAM)';
  try {
    await sizeZram(number, bytes);
    await runTool(makeExt4(number, invoker), { purpose: 'making a filesystem on zram' });
    await runTool(mountExt4(number, directory), { purpose: 'mounting the ramdisk' });
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
function makeExt4(number: number | 'N', { uid, gid }: Invoker): [string, ...string[]] {
  const features = ['-O', '^has_journal', '-m', '0', '-E', `nodiscard,root_owner=${uid}:${gid}`];
  return ['mkfs.ext4', '-q', '-L', NAME, ...features, `/dev/zram${number}`];
}

/** With discard, memory is given back when a file is removed. */
function mountExt4(number: number | 'N', directory: string): [string, ...string[]] {
  const options = 'discard,noatime,nosuid,nodev';
  return ['mount', '-t', 'ext4', '-o', options, `/dev/zram${number}`, directory];
}

function mountTmpfs(directory: string, bytes: number, invoker: Invoker): [string, ...string[]] {
  const { uid, gid } = invoker;
  const options = `size=${bytes},mode=0755,uid=${uid},gid=${gid},noatime,nosuid,nodev`;
  return ['mount', '-t', 'tmpfs', '-o', options, NAME, directory];
}

function describeSetup({ directory, invoker }: Ramdisk, bytes: number, hasMkfs: boolean): string[] {
  const makeDirectory = runAsInvoker(['mkdir', '--parents', '--', directory], invoker);
  return [
    ...(isDirectory(directory) ? [] : [formatCommandLine(makeDirectory)]),
    ...(hasMkfs
      ? [
          ...(isDirectory(ZRAM_CONTROL) ? [] : [formatCommandLine(LOAD_ZRAM)]),
          `# N is what ${ZRAM_CONTROL}/hot_add says; ${bytes} goes into /sys/block/zramN/disksize`,
          formatCommandLine(makeExt4('N', invoker)),
          formatCommandLine(mountExt4('N', directory)),
          '# where there is no zram:',
        ]
      : []),
    formatCommandLine(mountTmpfs(directory, bytes, invoker)),
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
  const number = zramNumber(mount.source);
  const unmount: [string, ...string[]] = ['umount', '--', directory];
  if (options.dryRun === true) {
    ui.result(formatCommandLine(unmount));
    if (number !== undefined) ui.result(`# ${number} goes into ${ZRAM_CONTROL}/hot_remove`);
    return EXIT.ok;
  }
  requireRoot('teardown-ramdisk');
  await runTool(unmount, { purpose: `taking ${directory} away (fuser -vm shows who uses it)` });
  if (number !== undefined) await removeZram(number);
  ui.note(`the ramdisk at ${directory} is gone`);
  return EXIT.ok;
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
