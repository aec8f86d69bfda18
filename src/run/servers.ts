import { openCut } from '../cli/context.ts';
import type { Conf } from '../conf/conf.ts';
import type { LoadedCut } from '../cut/load.ts';
import type { Kernel } from '../host/kernel.ts';
import { readImageHeader } from '../image/image-header.ts';
import type { ResolvedImage } from '../image/resolve.ts';
import { DETACHED_TERMINAL, type Registration, type VmSources, withVm } from '../machine/start.ts';
import type { EndedServer } from '../results/servers.ts';
import { collectSplats } from '../results/splat-collection.ts';

import type { ServerConsole } from '../results/store.ts';
import { startTimer } from '../sys/awake-clock.ts';
import type { Deadline } from '../sys/deadline.ts';
import { createDeferred } from '../sys/deferred.ts';
import { splitLines } from '../sys/lines.ts';
import { formatLimit } from '../ui/format.ts';
import { type BootWatch, bootVm } from '../vm/boot.ts';
import { failedAutoruns } from '../vm/ending.ts';
import type { LiveVm } from '../vm/live-vm.ts';
import type { VmPlan } from '../vm/plan.ts';
import { type Job, type StartedJob, showProgress } from './context.ts';
import { cutRunImage, planServerImage } from './image.ts';
import { bootLimit } from './settings.ts';

/** A server whose image is planned. */
export interface PlannedServer {
  cut: LoadedCut;
  conf: Conf;
  image: ResolvedImage;
  /** Number of its VM; undefined: the lowest free one. */
  number: number | undefined;
}

export async function planServers(job: Job, kernel: Kernel): Promise<PlannedServer[]> {
  const planned: PlannedServer[] = [];
  for (const { name, number } of job.settings.servers) {
    const { cut, conf } = await openCut(job.context, name);
    planned.push({ cut, conf, image: planServerImage({ ...job, cut, conf }, kernel), number });
  }
  return planned;
}

/** A server whose image has been cut. */
export interface PreparedServer {
  /** Name of the cut. */
  cut: string;
  sources: VmSources;
}

/** Cuts the images of the servers, all before the first VM starts. */
export async function prepareServers(
  job: StartedJob,
  kernel: Kernel,
  servers: readonly PlannedServer[],
): Promise<PreparedServer[]> {
  const prepared: PreparedServer[] = [];
  for (const { cut, conf, image, number } of servers) {
    showProgress(job, `cutting ${cut.name}`);
    const { path } = await cutRunImage({ ...job, cut, conf }, image);
    prepared.push({
      cut: cut.name,
      sources: {
        path,
        header: readImageHeader(path),
        kernel,
        conf,
        context: job.context,
        // --cpus, --memory and --disk apply only to the VM under test.
        options: { net: job.options.net },
        qemuArguments: [],
        terminal: DETACHED_TERMINAL,
        detached: true,
        judged: { survivesOops: job.options.keepGoing === true },
        number,
        session: undefined,
        consoleLog: (own) => job.run.file(consoleName(cut.name, own)),
      },
    });
  }
  return prepared;
}

/** Name of the console log of a server in the directory of the run. */
export function consoleName(cut: string, number: number): ServerConsole {
  return `console-vm${number}-${cut}.log`;
}

/** The servers of a run, all ready. */
export interface Servers {
  /** Their VM numbers, in the order of the command line. */
  numbers: readonly number[];
  /** Resolves with a description when one of them fails. */
  failed: Promise<string>;
  /** Powers them off. @returns how each one ended */
  stop: () => Promise<EndedServer[]>;
}

interface RunningServer {
  number: number;
  /** Resolves with true when it is ready, with false if it fails before that. */
  ready: Promise<boolean>;
  /** Resolves when it fails; never, if it runs until it is stopped. */
  failed: Promise<string>;
  /** Stops it, unless it is ready. */
  giveUp: (why: string) => void;
  stop: () => Promise<EndedServer>;
}

/**
 * Starts the servers and waits until all are ready. If one of them fails, all are stopped.
 * @returns the servers, or how they ended
 */
export async function startServers(
  job: StartedJob,
  prepared: readonly PreparedServer[],
  { kernelImage, deadline }: { kernelImage: string; deadline: Deadline | undefined },
): Promise<Servers | { ended: EndedServer[] }> {
  const running: RunningServer[] = [];
  const stop = (): Promise<EndedServer[]> => Promise.all(running.map((server) => server.stop()));
  try {
    for (const server of prepared) {
      showProgress(job, `booting ${server.cut}`);
      const earlier = running.map(({ number }) => number);
      running.push(await startServer(job, server, kernelImage, earlier));
    }
  } catch (error) {
    await stop();
    throw error;
  }
  showProgress(job, `waiting for ${prepared.map(({ cut }) => cut).join(', ')}`);
  if (!(await areReady(running, deadline))) return { ended: await stop() };
  return {
    numbers: running.map(({ number }) => number),
    failed: Promise.race(running.map(({ failed }) => failed)),
    stop,
  };
}

async function areReady(
  running: readonly RunningServer[],
  deadline: Deadline | undefined,
): Promise<boolean> {
  const giveUp = (): void => {
    const asked = formatLimit(deadline?.asked ?? 0);
    for (const server of running) server.giveUp(`it was not ready after ${asked}`);
  };
  const timer = deadline === undefined ? undefined : startTimer(deadline.left(), giveUp);
  const ready = await Promise.all(running.map((server) => server.ready));
  timer?.stop();
  return ready.every(Boolean);
}

/** Resolves when QEMU is running. */
async function startServer(
  job: StartedJob,
  { sources, cut }: PreparedServer,
  kernelImage: string,
  earlier: readonly number[],
): Promise<RunningServer> {
  const begun = createDeferred<{ number: number; watch: ServerWatch }>();
  const serversOf = (number: number): number[] => [...earlier, number];
  const ended = withVm({ ...sources, serversOf }, kernelImage, async (plan, registration) => {
    const watch = watchServer(job, plan, registration);
    watch.started.then(() => begun.resolve({ number: plan.number, watch }));
    const record = await bootVm(plan, watch.vmWatch);
    watch.end();
    return record;
  });
  ended.catch(begun.reject);
  const { number, watch } = await begun.promise;
  return {
    number,
    ready: watch.ready,
    failed: watch.failed.then((how) => `${cut} (VM ${number}) ${how}`),
    giveUp: watch.giveUp,
    stop: async () => {
      const facts = watch.stop();
      return { cut, number, record: await ended, ...facts() };
    },
  };
}

/** Watches a server from its start to its end. */
interface ServerWatch {
  vmWatch: BootWatch;
  started: Promise<void>;
  ready: Promise<boolean>;
  failed: Promise<string>;
  giveUp: (why: string) => void;
  /** Powers it off. @returns a function to call after it has ended, which returns the facts */
  stop: () => () => Pick<EndedServer, 'splats' | 'gaveUp' | 'wasStopped'>;
  end: () => void;
}

function watchServer(
  { settings, options }: StartedJob,
  plan: VmPlan,
  { onStart, onState }: Registration,
): ServerWatch {
  const splats = collectSplats({
    expected: settings.expected,
    survivesOops: options.keepGoing === true,
  });
  const lines = splitLines(splats.push);
  const [started, ready, failed] = [
    createDeferred<void>(),
    createDeferred<boolean>(),
    createDeferred<string>(),
  ];
  const state = { isReady: false, isOver: false, wasStopped: false };
  let gaveUp: string | undefined;
  let vm: LiveVm | undefined;
  const giveUp = (why: string): void => {
    if (state.isReady) return;
    gaveUp ??= why;
    vm?.stop();
  };
  const bootTimeout = bootLimit(settings.limits.boot, plan.accelerator);
  const limit = startTimer(bootTimeout, () =>
    giveUp(`its init did not start within ${formatLimit(bootTimeout)}`),
  );
  const onPrompt = (): void => {
    state.isReady = vm !== undefined && failedAutoruns(vm.events).length === 0;
    if (state.isReady) onState('ready');
    ready.resolve(state.isReady);
  };
  return {
    vmWatch: {
      onStart: (live) => {
        vm = live;
        if (live.pid !== undefined) onStart(live.pid);
        started.resolve();
      },
      onEvent: (event) => {
        splats.enter(event);
        if (event.event === 'init') limit.stop();
        if (event.event === 'prompt') onPrompt();
      },
      onStderr: () => {},
      onConsole: (chunk) => {
        lines.push(chunk);
        if (splats.isCrashed()) failed.resolve('crashed');
      },
    },
    started: started.promise,
    ready: ready.promise,
    failed: failed.promise,
    giveUp,
    stop: () => {
      state.wasStopped = state.isReady && !state.isOver && !splats.isCrashed();
      vm?.stop();
      return () => ({ splats: splats.finish(), gaveUp, wasStopped: state.wasStopped });
    },
    end: () => {
      state.isOver = true;
      limit.stop();
      lines.end();
      ready.resolve(false);
      if (!state.wasStopped) failed.resolve('has ended');
    },
  };
}
