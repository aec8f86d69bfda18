import { existsSync, mkdirSync } from 'node:fs';
import type { Readable } from 'node:stream';
import type { OutputFormat } from '../cut/cut.ts';
import type { Kernel } from '../host/kernel.ts';
import { type ImageHeader, moduleNames, readImageHeader } from '../image/image-header.ts';
import type { ResolvedCommand } from '../image/resolve-command.ts';
import { type VmSources, withVm } from '../machine/start.ts';
import type { EndedBoot } from '../results/boots.ts';
import { carryFile, LARGEST_CARRIED } from '../results/guest-files.ts';
import type { RunLogs } from '../results/log-file.ts';
import { createRecorder } from '../results/recorder.ts';
import type { RunResult } from '../results/run-result.ts';
import { within } from '../sys/awake-clock.ts';
import { formatCommandLine } from '../sys/command-line.ts';
import type { Deadline } from '../sys/deadline.ts';
import { formatBytes } from '../ui/format.ts';
import { createGuestOutput, openGuestInput } from '../ui/guest-streams.ts';
import { describeFailure, judgeEnding } from '../vm/ending.ts';
import type { GuestEvent } from '../vm/guest-events.ts';
import type { VmPlan } from '../vm/plan.ts';
import { qemuCommandLine } from '../vm/qemu-arguments.ts';
import { runSession, type SessionRecord } from '../vm/session.ts';
import type { TimeLimits } from '../vm/session-watch.ts';
import { type StartedJob, showProgress } from './context.ts';
import { formatOf, type RunDisplay } from './display.ts';
import type { Servers } from './servers.ts';
import { bootLimit } from './settings.ts';

/** What is booted. */
export interface BootParts {
  kernel: Kernel;
  /** Path of the kernel image that QEMU boots. */
  kernelImage: string;
  /** Path of the image. */
  path: string;
  /** The command in the image. */
  command: ResolvedCommand | undefined;
  /** Shared by all VMs of the run; undefined: none. */
  deadline: Deadline | undefined;
  /** The servers of the run. */
  servers: Pick<Servers, 'numbers' | 'failed'> | undefined;
}

/** The parameters of one boot of a run. */
export interface BootRequest extends BootParts {
  logs: RunLogs;
  /** Whether rapido's standard input is passed to the command. */
  hasInput: boolean;
  /** Tests whose results earlier boots have reported. */
  done: readonly string[];
  display: RunDisplay;
}

/** Boots the image in a VM and waits until the VM has ended. Describes the VM in the result. */
export async function runInVm(
  job: StartedJob,
  request: BootRequest,
  result: RunResult,
): Promise<EndedBoot> {
  const { kernel, kernelImage, path, servers } = request;
  const header = readImageHeader(path);
  const hasCommand = result.command !== undefined;
  const stdin = hasCommand && request.hasInput ? openGuestInput() : undefined;
  const isSerial = header.image.channel === 'serial';
  const sources: VmSources = {
    path,
    header,
    kernel,
    conf: job.conf,
    options: job.options,
    context: job.context,
    qemuArguments: [],
    terminal: undefined,
    detached: false,
    serversOf: servers === undefined ? undefined : () => servers.numbers,
    session: {
      stdin: stdin !== undefined && !isSerial,
      results: header.image.sharesResults ? makeGuestDirectory(job) : undefined,
      survivesOops: job.options.keepGoing === true,
      readsKernelLog: formatOf(job) === 'ktap',
    },
    consoleLog: () => job.run.file('console.log'),
  };
  return withVm(sources, kernelImage, async (plan, { onStart }) => {
    result.vm = {
      accelerator: plan.accelerator.kind,
      cpus: plan.cpus,
      memory: plan.memory,
      disks: plan.disks.map(({ path, serial, bus, format, readonly, scratch }) => ({
        path,
        serial,
        bus,
        format,
        readonly,
        scratch,
      })),
      qemu: qemuCommandLine(plan),
    };
    if (job.context.debug) job.context.ui.note(formatCommandLine(result.vm.qemu));
    showProgress(job, describeBoot(plan, header));
    const format = formatOf(job, result.command);
    const session = await watchSession(job, plan, { ...request, format }, { stdin, onStart });
    const modules = moduleNames(header);
    return { ...session, autorun: header.image.autorun, hasCommand, modules };
  });
}

/** Creates the directory that the guest sees as /rapido/results. All boots of a run share it. */
function makeGuestDirectory({ run, cut, context }: StartedJob): string {
  const directory = run.file('guest');
  if (existsSync(directory)) return directory;
  mkdirSync(directory, { mode: 0o700 });
  for (const name of cut.cut.test?.carry ?? []) {
    const tooLarge = carryFile(run, name);
    if (tooLarge === undefined) continue;
    context.ui.warn(
      `${tooLarge} is not passed on to the next run: it is larger than ${formatBytes(LARGEST_CARRIED)}`,
    );
  }
  return directory;
}

interface SessionEnds {
  stdin: Readable | undefined;
  onStart: (qemuPid: number) => void;
}

/** Runs the session. Its output is logged, parsed and displayed. */
async function watchSession(
  job: StartedJob,
  plan: VmPlan,
  request: BootRequest & { format: OutputFormat | undefined },
  { stdin, onStart }: SessionEnds,
): Promise<Omit<EndedBoot, 'autorun' | 'hasCommand' | 'modules'>> {
  const { options, settings } = job;
  const { logs, done, display, command, format } = request;
  const recorder = createRecorder({
    logs,
    expected: settings.expected,
    survivesOops: options.keepGoing === true,
    format,
    // If an earlier boot has reported all tests, this one has none to report.
    requiresTests: done.length === 0 && (options.ktap === true || command?.isOwnTest === true),
    done,
    listener: display.listener,
    resultsDirectory: plan.session?.results === undefined ? undefined : job.run.file('guest'),
  });
  const echo = { stdout: createGuestOutput(1), stderr: createGuestOutput(2) };
  const limits: TimeLimits = {
    ...settings.limits,
    boot: bootLimit(settings.limits.boot, plan.accelerator),
  };
  const lost = plan.session?.stdin === true ? undefined : watchLostInput(stdin);
  try {
    const record = await runSession(plan, {
      limits,
      deadline: request.deadline,
      stdin: plan.session?.stdin === true ? stdin : undefined,
      onStart,
      onEvent: (event) => {
        recorder.onEvent(event);
        const step = describeStep(event);
        if (step !== undefined) showProgress(job, step);
        display.enter(event);
      },
      onConsole: async (chunk) => {
        const state = recorder.onConsole(chunk);
        if (options.console === true) await echo.stderr.write(chunk);
        return state;
      },
      onOutput: async (name, chunk) => {
        recorder.onOutput(name, chunk);
        if (options.json !== true) await display.write(name, chunk, echo[name]);
      },
      ended: request.servers?.failed,
      onEnding: (why) => {
        recorder.onEnding(why);
        showProgress(job, `${why}: ending the VM`);
      },
    });
    // Write what the display still buffers. A stopped terminal (Ctrl-S) must not block the end of the run.
    const rest = STREAMS.map((name) => display.write(name, undefined, echo[name]));
    await within(FLUSH_LIMIT, Promise.all(rest), undefined, { ref: false });
    const unwritten = lost?.isLost() === true ? [LOST_INPUT] : [];
    return { record, limits, ...recorder.finish(describeLoss(record)), unwritten };
  } finally {
    recorder.finish();
    display.pause();
    for (const output of Object.values(echo)) output.close();
    lost?.stop();
  }
}

/** @returns why the VM ended, if something on the host ended it */
function describeLoss(record: SessionRecord): string | undefined {
  const ending = judgeEnding(record);
  if (ending.kind === 'quit') return 'QEMU was terminated';
  if (ending.kind === 'failed' && ending.after === 'quit') return describeFailure(ending, record);
  return ending.kind === 'lost' ? `the VM was lost: ${ending.reason}` : undefined;
}

const STREAMS = ['stdout', 'stderr'] as const;

/** How long writing the buffered rest of the output may take, in milliseconds. */
const FLUSH_LIMIT = 1000;

const LOST_INPUT =
  'standard input was not passed to the command: the kernel has no virtio console (CONFIG_VIRTIO_CONSOLE)';

/** The guest cannot receive input. That is worth a note only if there is any: CI often leaves an idle pipe there. */
function watchLostInput(
  stdin: Readable | undefined,
): { isLost: () => boolean; stop: () => void } | undefined {
  if (stdin === undefined) return undefined;
  let isLost = false;
  stdin.once('data', () => {
    isLost = true;
    stdin.pause();
  });
  return { isLost: () => isLost, stop: () => stdin.destroy() };
}

function describeBoot(plan: VmPlan, { image }: ImageHeader): string {
  const how = plan.accelerator.kind === 'kvm' ? 'with KVM' : 'emulated';
  return `booting ${image.cut} on Linux ${image.kernelRelease}, ${how}`;
}

function describeStep(event: GuestEvent): string | undefined {
  switch (event.event) {
    case 'autorun-start':
      return `running autorun script ${event.script}`;
    case 'command-start':
      return 'running the command';
    case 'command-end':
      return 'powering off';
    default:
      return undefined;
  }
}
