import { mkdirSync } from 'node:fs';
import type { Readable } from 'node:stream';
import type { Kernel } from '../host/kernel.ts';
import { type ImageHeader, readImageHeader } from '../image/image-header.ts';
import { isOwnTest } from '../image/resolve-command.ts';
import { createRecorder, type Findings } from '../results/recorder.ts';
import type { RunResult, RunTimes } from '../results/run-result.ts';
import { carryFile } from '../results/store.ts';
import { type Blame, blameFor, judgeRun } from '../results/verdict.ts';
import { formatCommandLine } from '../sys/command-line.ts';
import { createGuestOutput, openGuestInput } from '../ui/guest-streams.ts';
import type { GuestEvent } from '../vm/guest-events.ts';
import type { Accelerator, VmPlan } from '../vm/plan.ts';
import { qemuCommandLine } from '../vm/qemu-arguments.ts';
import { runSession, type SessionRecord, type SessionTimes } from '../vm/session.ts';
import type { SessionLimits } from '../vm/session-watch.ts';
import { type StartedJob, showProgress } from './run-job.ts';
import { type VmSources, withVm } from './start-vm.ts';

/** What is booted. */
export interface BootParts {
  kernel: Kernel;
  /** The file of it that QEMU boots. */
  kernelImage: string;
  /** Path of the image. */
  path: string;
}

/** Boots the image of a run, and fills in what came of it. @returns who is to blame for a crash */
export async function runInVm(
  job: StartedJob,
  { kernel, kernelImage, path }: BootParts,
  result: RunResult,
): Promise<Blame> {
  const header = readImageHeader(path);
  const stdin = result.command === undefined ? undefined : openGuestInput();
  const isSerial = header.image.channel === 'serial';
  const sources: VmSources = {
    ...{ path, header, kernel, conf: job.conf, options: job.options, context: job.context },
    qemuArguments: [],
    terminal: undefined,
    detached: false,
    session: {
      stdin: stdin !== undefined && !isSerial,
      results: header.image.sharesResults ? makeGuestDirectory(job) : undefined,
      survivesOops: job.options.keepGoing === true,
    },
    consoleLog: () => job.run.file('console.log'),
  };
  return withVm(sources, kernelImage, async (plan, { onStart }) => {
    result.vm = {
      accelerator: plan.accelerator.kind,
      cpus: plan.cpus,
      memory: plan.memory,
      disks: plan.disks.map(({ path, serial, bus, format, readonly, scratch }) => ({
        ...{ path, serial, bus, format, readonly, scratch },
      })),
      qemu: qemuCommandLine(plan),
    };
    if (job.context.debug) job.context.ui.note(formatCommandLine(result.vm.qemu));
    showProgress(job, describeBoot(plan, header));
    const session = await watchSession(job, plan, { stdin, onStart });
    return fillIn(result, session, header);
  });
}

/** The host's side of /rapido/results. */
function makeGuestDirectory({ run, cut }: StartedJob): string {
  const directory = run.file('guest');
  mkdirSync(directory, { mode: 0o700 });
  for (const name of cut.cut.test?.carry ?? []) carryFile(run, name);
  return directory;
}

interface Session {
  record: SessionRecord;
  findings: Findings;
  limits: SessionLimits;
}

interface SessionEnds {
  stdin: Readable | undefined;
  onStart: (qemuPid: number) => void;
}

/** Runs the session: what comes out of it is written down, read, and shown. */
async function watchSession(
  job: StartedJob,
  plan: VmPlan,
  { stdin, onStart }: SessionEnds,
): Promise<Session> {
  const { options, settings, cut, run } = job;
  const recorder = createRecorder({
    files: {
      console: run.file('console.log'),
      stdout: run.file('stdout.log'),
      stderr: run.file('stderr.log'),
    },
    expected: settings.expected,
    survivesOops: options.keepGoing === true,
    format: options.ktap === true ? 'ktap' : cut.cut.test?.output,
    mustTellTests: options.ktap === true || isOwnTest(settings.command),
  });
  const echo = { stdout: createGuestOutput(1), stderr: createGuestOutput(2) };
  const limits = withBootLimit(settings.limits, plan.accelerator);
  const lost = plan.session?.stdin === true ? undefined : watchLostInput(stdin);
  try {
    const record = await runSession(plan, {
      limits,
      stdin: plan.session?.stdin === true ? stdin : undefined,
      onStart,
      onEvent: (event) => {
        recorder.onEvent(event);
        const step = describeStep(event);
        if (step !== undefined) showProgress(job, step);
      },
      onConsole: async (chunk) => {
        const state = recorder.onConsole(chunk);
        if (options.console === true) await echo.stderr.write(chunk);
        return state;
      },
      onOutput: async (name, chunk) => {
        recorder.onOutput(name, chunk);
        if (options.json === true) return;
        job.context.ui.endProgress();
        await echo[name].write(chunk);
      },
      onEnding: (why) => {
        recorder.onEnding(why);
        showProgress(job, `${why}: ending the VM`);
      },
    });
    const findings = recorder.finish();
    if (lost?.isLost() === true) findings.unwritten.push(LOST_INPUT);
    return { record, findings, limits };
  } finally {
    recorder.finish();
    for (const output of Object.values(echo)) output.close();
    lost?.stop();
  }
}

const LOST_INPUT =
  'the input was not passed on: the kernel has no virtio console (CONFIG_VIRTIO_CONSOLE)';

/** Input that the guest has no way for matters if there is any; CI often leaves a silent pipe there. */
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

/** From what was recorded to the result. */
function fillIn(
  result: RunResult,
  { record, findings, limits }: Session,
  { image }: ImageHeader,
): Blame {
  const { events, strangeLines, qemuSaid } = record;
  const hasCommand = result.command !== undefined;
  const facts = { record, limits, ...findings, autorun: image.autorun, hasCommand };
  Object.assign(result, judgeRun(facts));
  result.commandStatus = events.find((event) => event.event === 'command-end')?.status;
  result.autorun = events
    .filter((event) => event.event === 'autorun-end')
    .map(({ script, status }) => ({ script, status }));
  result.tests = findings.tests;
  result.splats = findings.splats;
  result.notes.push(
    ...findings.unwritten,
    ...findings.testProblems,
    ...describeDropped(findings.testsDropped),
    ...describeStrangeness(strangeLines),
    ...describeLosses(events),
    ...wordsOf(qemuSaid),
  );
  Object.assign(result.times, phasesOf(record.times));
  return blameFor(facts);
}

function describeDropped(tests: number): string[] {
  return tests === 0 ? [] : [`${tests} more tests are not listed`];
}

function describeStrangeness(lines: number): string[] {
  return lines === 0
    ? []
    : [`${lines} lines on the control channel were not from rapido's session`];
}

/** What QEMU said: warnings, mostly. */
function wordsOf(qemuSaid: string): string[] {
  return qemuSaid
    .split('\n')
    .filter(Boolean)
    .slice(-5)
    .map((line) => `QEMU: ${line}`);
}

/** What the guest left where the host cannot get it. */
function describeLosses(events: readonly GuestEvent[]): string[] {
  const left = events.find((event) => event.event === 'power-off')?.left ?? 0;
  if (left === 0) return [];
  return [
    `what was left in /rapido/results is lost: the kernel could not mount the host's directory (CONFIG_9P_FS, CONFIG_NET_9P_VIRTIO)`,
  ];
}

/** How long a kernel may take to its init, in milliseconds: emulation is slow, neighbours are busy. */
const BOOT_LIMIT = { kvm: 60_000, tcg: 300_000 } as const;

function withBootLimit(limits: SessionLimits, { kind }: Accelerator): SessionLimits {
  return { ...limits, boot: limits.boot ?? BOOT_LIMIT[kind] };
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

/** From points of time to durations. */
function phasesOf(times: SessionTimes): Partial<RunTimes> {
  const { init, autorunEnd, commandStart, commandEnd, end } = times;
  const between = (from: number | undefined, to: number | undefined): number | undefined =>
    from === undefined || to === undefined ? undefined : to - from;
  return {
    boot: init,
    autorun: between(init, autorunEnd),
    command: between(commandStart, commandEnd),
    powerOff: between(commandEnd ?? autorunEnd, end),
  };
}
