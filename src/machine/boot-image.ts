import { join } from 'node:path';
import type { Context, GlobalOptions, KernelOptions } from '../cli/context.ts';
import type { Conf } from '../conf/conf.ts';
import { EXIT, UserError } from '../errors.ts';
import type { Kernel } from '../host/kernel.ts';
import { type ImageHeader, modulePaths, readImageHeader } from '../image/image-header.ts';
import { findChangedSources } from '../image/image-sources.ts';
import type { ImageInfo } from '../image/plan.ts';
import { refuseLackingKernel } from '../image/resolve-kernel-options.ts';
import { warnOfStaleBuild } from '../image/stale-build.ts';
import { formatCommandLine } from '../sys/command-line.ts';
import { findChangedFile, knownSignatures } from '../sys/file-signature.ts';
import { shorten } from '../sys/text.ts';
import { toPlainText } from '../ui/plain-text.ts';
import type { Ui } from '../ui/terminal.ts';
import { bootVm } from '../vm/boot.ts';
import { describeDisk } from '../vm/disks.ts';
import { findOops } from '../vm/find-oops.ts';
import { describeNoConsole, judgeBoot } from '../vm/judge-boot.ts';
import type { Terminal, VmPlan } from '../vm/plan.ts';
import { qemuCommandLine } from '../vm/qemu-arguments.ts';
import { serveVm } from '../vm/serve-vm.ts';
import { describeShare } from '../vm/shares.ts';
import { foreseeKernelImage, prepareKernelImage } from './kernel-image.ts';
import { describeLogin } from './ssh-login.ts';
import {
  DETACHED_TERMINAL,
  describeAccelerator,
  planFirstVm,
  type RegisteredVm,
  requirePrograms,
  type VmOptions,
  type VmSources,
  withVm,
} from './start.ts';

export interface BootOptions extends GlobalOptions, KernelOptions, VmOptions {
  detach?: boolean | undefined;
  gdb?: boolean | undefined;
  dryRun?: boolean | undefined;
  /** The arguments after `--`. */
  qemuArguments?: string[] | undefined;
}

/** Boots an image and waits until the VM has ended. @returns the exit status */
export async function bootImage(
  { path, kernel, wasJustCut }: { path: string; kernel: Kernel; wasJustCut: boolean },
  conf: Conf,
  options: BootOptions,
  context: Context,
): Promise<number> {
  const { ui } = context;
  const header = readImageHeader(path);
  const { cut } = header.image;
  refuseOtherKernel(header, kernel, path, conf);
  // A cut has just checked that.
  if (!wasJustCut) refuseLackingKernel(kernel, header);
  const changedSources = findChangedSources(header.sources);
  const changed = findChangedFile(knownSignatures(header.moduleFiles));
  if (changed !== undefined) warnOfChange(changed, cut, ui);
  if (!wasJustCut) {
    for (const warning of warnOfStaleBuild(kernel, modulePaths(header))) ui.warn(warning);
  }
  if (conf.get('VIRTFS_SHARE_PATH') !== undefined && !header.image.sharesDirectory) {
    ui.warn(
      `this image cannot mount VIRTFS_SHARE_PATH, which was not set when it was cut: rapido cut ${cut}`,
    );
  }
  const qemuArguments = [...(options.qemuArg ?? []), ...(options.qemuArguments ?? [])];
  const kernelSources = { kernel, conf, context, qemuArguments };
  const kernelImage =
    options.dryRun === true
      ? foreseeKernelImage(kernelSources)
      : await prepareKernelImage(kernelSources, {
          onUnpack: () => ui.progress('unpacking the kernel'),
        });
  ui.endProgress();
  for (const source of await changedSources) warnOfChange(source, cut, ui);
  const sources: VmSources = {
    ...kernelSources,
    kernelImage,
    path,
    header,
    options,
    terminal: options.detach === true ? DETACHED_TERMINAL : currentTerminal(context.env.TERM),
    detached: options.detach === true,
    waitsForDebugger: options.gdb,
    session: undefined,
    consoleLog: (number) => join(context.directories.state, `vm${number}`, 'console.log'),
  };
  if (options.dryRun === true) return printVm(sources);
  const keepVm = options.detach === true ? (await import('./keeper.ts')).keepVm : undefined;
  return withVm(sources, (plan, registration) => {
    if (context.debug) ui.note(formatCommandLine(qemuCommandLine(plan)));
    ui.note(announce(plan, header.image));
    for (const disk of plan.disks) ui.note(`disk: ${describeDisk(disk)}`);
    for (const share of plan.directories.filter(({ target }) => target !== undefined))
      ui.note(`share: ${describeShare(share)}`);
    if (plan.gdbSocket !== undefined) {
      ui.note(
        `waiting for a debugger: rapido gdb ${plan.number}, or another one at the Unix socket ${plan.gdbSocket}`,
      );
    }
    const login = describeLogin(plan, header.image);
    if (login !== undefined && keepVm === undefined) ui.note(login);
    const vm: RegisteredVm = { plan, image: header.image, registration, context };
    return keepVm === undefined ? watchVm(vm) : keepVm(vm);
  });
}

/** Prints how the VM would be started. @returns the exit status */
function printVm(sources: VmSources): number {
  const { ui } = sources.context;
  requirePrograms(sources.context);
  const plan = planFirstVm(sources);
  for (const disk of plan.disks) ui.note(`# disk: ${describeDisk(disk)}`);
  ui.note('# rapido holds the other ends of fd 3 (QMP) and fd 4 (guest events)');
  ui.result(formatCommandLine(qemuCommandLine(plan)));
  return EXIT.ok;
}

function warnOfChange(what: string, cut: string, ui: Ui): void {
  ui.warn(`${what} changed since this image was cut: rapido cut ${cut}`);
}

/** Rejects a kernel of another release than the image's modules: it would not load them. */
function refuseOtherKernel({ image }: ImageHeader, kernel: Kernel, path: string, conf: Conf): void {
  const { kernelRelease, cut } = image;
  if (kernelRelease === kernel.release) return;
  const sameConf = image.conf === undefined || image.conf === conf.source?.path;
  throw new UserError(
    `${path} was cut for Linux ${kernelRelease}, but the kernel to boot is ${kernel.release} (${kernel.chosenBy})`,
    {
      hint: sameConf
        ? `rapido cut ${cut}, or with that kernel: ${formatCommandLine(['rapido', 'boot', '--kernel', image.kernel])}`
        : `boot with the conf that it was cut with: rapido --conf ${image.conf} boot, or rapido cut ${cut}`,
    },
  );
}

/** @returns undefined if the boot is unattended: standard input or output is not a terminal */
function currentTerminal(type: string | undefined): Terminal | undefined {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return undefined;
  const { rows, columns } = process.stdout;
  return { rows: rows || 24, columns: columns || 80, type };
}

async function watchVm({ plan, image, registration, context }: RegisteredVm): Promise<number> {
  const { ui } = context;
  let requests: ReturnType<typeof serveVm> | undefined;
  const record = await bootVm(plan, {
    onStart: (vm) => {
      if (vm.pid !== undefined) registration.onStart(vm.pid);
      requests = serveVm(registration.files.requestSocket, vm, undefined);
    },
    onEvent: ({ event }) => {
      if (event === 'prompt') registration.onState('ready');
      if (event === 'no-console')
        ui.note(`rapido: Ctrl-a x kills the VM; ${describeNoConsole(plan.number)}`);
    },
    onStderr: ui.passOn,
  });
  await (await requests)?.close();
  const judgement = judgeBoot(record, {
    interactive: plan.interactive,
    autorun: image.autorun,
    oops: await findOops(record, plan.consoleLog),
  });
  for (const line of judgement.lines) ui.note(`rapido: ${line}`);
  if (judgement.isConsoleHelpful) ui.note(`rapido: the console is in ${plan.consoleLog}`);
  return judgement.status;
}

function announce(plan: VmPlan, { cut, extras, kernelRelease }: ImageInfo): string {
  const what = extras === undefined ? cut : `${cut} (cut with ${shorten(toPlainText(extras), 60)})`;
  const leave = plan.interactive && plan.console === 'terminal' ? ' (Ctrl-a x kills it)' : '';
  return `booting ${what} as ${plan.hostname}${leave} on Linux ${kernelRelease}, ${describeAccelerator(plan)}`;
}
