import { existsSync, mkdirSync } from 'node:fs';
import { basename } from 'node:path';
import type { Readable } from 'node:stream';
import { explainSystemError } from '../errors.ts';
import type { Kernel } from '../host/kernel.ts';
import { type ImageHeader, moduleNames, readImageHeader } from '../image/image-header.ts';
import type { ResolvedCommand } from '../image/resolve-command.ts';
import { type Registration, type VmSources, withVm } from '../machine/start.ts';
import type { EndedBoot } from '../results/boots.ts';
import { carryFile, LARGEST_CARRIED } from '../results/guest-files.ts';
import type { RunLogs } from '../results/log-file.ts';
import { createRecorder, type Recorder } from '../results/recorder.ts';
import type { RunVm } from '../results/run-result.ts';
import type { RunDirectory } from '../results/store.ts';
import { isCrash } from '../results/verdict.ts';
import { within } from '../sys/awake-clock.ts';
import { formatCommandLine } from '../sys/command-line.ts';
import type { Deadline } from '../sys/deadline.ts';
import { formatBytes } from '../ui/format.ts';
import { createGuestOutput, openGuestInput } from '../ui/guest-streams.ts';
import { type DumpRequest, dumpMemory } from '../vm/dump.ts';
import { describeFailure, judgeEnding } from '../vm/ending.ts';
import type { GuestEvent } from '../vm/guest-events.ts';
import type { VmPlan } from '../vm/plan.ts';
import { qemuCommandLine } from '../vm/qemu-arguments.ts';
import type { Qmp } from '../vm/qmp.ts';
import { runSession, type SessionRecord } from '../vm/session.ts';
import type { TimeLimits } from '../vm/session-watch.ts';
import { type RunContext, showProgress } from './context.ts';
import { formatOf, type RunDisplay } from './display.ts';
import type { Servers } from './servers.ts';
import { bootLimit } from './settings.ts';

/** What the boots of a run have in common. */
export interface BootSetup {
  kernel: Kernel;
  /** Path of the kernel image that QEMU boots. */
  kernelImage: string;
  /** The command in the image. */
  command: ResolvedCommand | undefined;
  /** Shared by all VMs of the run; undefined: none. */
  deadline: Deadline | undefined;
  /** The servers of the run. */
  servers: Pick<Servers, 'numbers' | 'failed'> | undefined;
}

/** One boot of a run. */
export interface Boot extends BootSetup {
  /** Path of the image. */
  path: string;
  /** Tests whose results earlier boots have reported. */
  done: readonly string[];
  /** Whether it is the first, which gets rapido's standard input. */
  isFirst: boolean;
  /** The logs and the display of the run. */
  logs: RunLogs;
  display: RunDisplay;
}

/** Boots the image in a VM and waits until the VM has ended. Describes the VM in the result. */
export async function bootOnce(run: RunContext, boot: Boot): Promise<EndedBoot> {
  const header = readImageHeader(boot.path);
  const hasCommand = run.result.command !== undefined;
  const stdin = hasCommand && boot.isFirst ? openGuestInput() : undefined;
  const hasChannel = header.image.channel !== 'serial';
  const sources = sourcesOf(run, boot, header, stdin !== undefined && hasChannel);
  return withVm(sources, async (plan, registration) => {
    const start = run.elapsed();
    run.result.vm = { ...describeVm(plan), start };
    if (run.context.debug) run.context.ui.note(formatCommandLine(run.result.vm.qemu));
    showProgress(run, describeBoot(plan, header));
    const ended = await watchBoot(run, boot, plan, stdin, registration);
    const modules = moduleNames(header);
    return { ...ended, start, autorun: header.image.autorun, hasCommand, modules };
  });
}

/** @param hasInput whether the command has an input stream */
function sourcesOf(
  run: RunContext,
  { path, kernel, kernelImage, servers }: Boot,
  header: ImageHeader,
  hasInput: boolean,
): VmSources {
  const { settings, conf, context, directory } = run;
  return {
    path,
    header,
    kernel,
    kernelImage,
    conf,
    context,
    options: settings,
    qemuArguments: settings.qemuArg ?? [],
    terminal: undefined,
    detached: false,
    serversOf: servers === undefined ? undefined : () => servers.numbers,
    session: {
      stdin: hasInput,
      results: header.image.sharesResults ? makeGuestDirectory(run) : undefined,
      survivesOops: settings.keepGoing === true,
      readsKernelLog: formatOf(run) === 'ktap',
      scansLeaks: settings.kmemleak,
      staysAfterPanic: settings.dumpOnCrash === true ? true : undefined,
    },
    consoleLog: () => directory.file('console.log'),
  };
}

/** Creates the directory that the guest sees as /rapido/results. All boots of a run share it. */
function makeGuestDirectory({ directory, cut, context }: RunContext): string {
  const path = directory.file('guest');
  if (existsSync(path)) return path;
  mkdirSync(path, { mode: 0o700 });
  for (const name of cut.cut.test?.carry ?? []) {
    const tooLarge = carryFile(directory, name);
    if (tooLarge === undefined) continue;
    context.ui.warn(
      `${tooLarge} is larger than ${formatBytes(LARGEST_CARRIED)}, so the next run does not get it`,
    );
  }
  return path;
}

function describeVm(plan: VmPlan): RunVm {
  return {
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
}

/** Runs the session of a boot. Its output is logged, parsed and displayed. */
async function watchBoot(
  run: RunContext,
  boot: Boot,
  plan: VmPlan,
  stdin: Readable | undefined,
  { onStart }: Pick<Registration, 'onStart'>,
): Promise<Omit<EndedBoot, 'start' | 'autorun' | 'hasCommand' | 'modules'>> {
  const { settings } = run;
  const { display } = boot;
  const hasInput = plan.session?.stdin === true;
  const recorder = createBootRecorder(run, boot, plan);
  const echo = { stdout: createGuestOutput(1), stderr: createGuestOutput(2) };
  const limits: TimeLimits = {
    ...settings.limits,
    boot: bootLimit(settings.limits.boot, plan.accelerator),
  };
  const lost = hasInput ? undefined : watchLostInput(stdin);
  const dumper =
    settings.dumpOnCrash === true
      ? createDumper(run, { hostname: plan.hostname, release: boot.kernel.release })
      : undefined;
  try {
    const record = await runSession(plan, {
      limits,
      deadline: boot.deadline,
      stdin: hasInput ? stdin : undefined,
      onStart,
      onEvent: (event) => {
        recorder.onEvent(event);
        const step = describeStep(event);
        if (step !== undefined) showProgress(run, step);
        display.enter(event);
      },
      onConsole: async (chunk) => {
        const loss = recorder.onConsole(chunk);
        if (settings.console === true) await echo.stderr.write(chunk);
        return loss;
      },
      onOutput: async (name, chunk) => {
        recorder.onOutput(name, chunk);
        if (settings.json !== true) await display.write(name, chunk, echo[name]);
      },
      ended: boot.servers?.failed,
      dump: dumper?.dump,
      onEnding: (why) => {
        recorder.onEnding(why);
        showProgress(run, `${why}: ending the VM`);
      },
    });
    // Write what the display still buffers. A stopped terminal (Ctrl-S) must not block the end of the run.
    const rest = STREAMS.map((name) => display.write(name, undefined, echo[name]));
    await within(FLUSH_LIMIT, Promise.all(rest), undefined, { ref: false });
    const unwritten = lost?.isLost() === true ? [LOST_INPUT] : [];
    const findings = recorder.finish(describeLoss(record));
    const dump = dumper?.outcome(findings.splats.some(isCrash));
    const scansLeaks = settings.kmemleak === true;
    return { record, limits, ...findings, scansLeaks, unwritten, dump };
  } finally {
    recorder.finish();
    display.pause();
    for (const output of Object.values(echo)) output.close();
    lost?.stop();
  }
}

interface Dumper {
  dump: (qmp: Qmp) => Promise<void>;
  outcome: (hasCrashed: boolean) => EndedBoot['dump'];
}

/** For `--dump-on-crash`. A failure to dump does not change the verdict. */
function createDumper(run: RunContext, names: DumpRequest['names']): Dumper {
  let outcome: EndedBoot['dump'];
  return {
    dump: async (qmp) => {
      const path = newDump(run.directory);
      try {
        await dumpMemory(qmp, {
          path,
          names,
          onStart: ({ memory }) =>
            showProgress(run, `dumping ${formatBytes(memory)} of memory to ${path}`),
        });
        outcome = { file: basename(path) };
      } catch (cause) {
        const error = explainSystemError(cause);
        outcome = { problem: error instanceof Error ? error.message : String(error) };
      }
    },
    outcome: (hasCrashed) => {
      if (outcome === undefined && hasCrashed) return { problem: 'the VM ended by itself' };
      return outcome;
    },
  };
}

/** A run has several boots only if it continues after crashes. */
function newDump(directory: RunDirectory): string {
  for (let number = 1; ; number++) {
    const path = directory.file(number === 1 ? 'vmcore' : `vmcore-${number}`);
    if (!existsSync(path)) return path;
  }
}

function createBootRecorder(
  run: RunContext,
  { logs, done, command, display }: Boot,
  plan: VmPlan,
): Recorder {
  const { settings, directory, result } = run;
  return createRecorder({
    logs,
    expected: settings.expected,
    survivesOops: settings.keepGoing === true,
    format: formatOf(run, result.command),
    // If an earlier boot has reported all tests, this one has none to report.
    requiresTests: done.length === 0 && (settings.ktap === true || command?.isOwnTest === true),
    done,
    elapsed: run.elapsed,
    listener: display.listener,
    resultsDirectory: plan.session?.results === undefined ? undefined : directory.file('guest'),
  });
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
