import type { Kernel } from '../host/kernel.ts';
import { readImageHeader } from '../image/image-header.ts';
import { DETACHED_TERMINAL, type Registration, type VmSources, withVm } from '../machine/start.ts';
import { readKernelLog } from '../results/kernel-log.ts';
import type { EndedServer } from '../results/servers.ts';
import type { ServerConsole } from '../results/store.ts';
import { startTimer } from '../sys/awake-clock.ts';
import type { Deadline } from '../sys/deadline.ts';
import { createDeferred } from '../sys/deferred.ts';
import { formatLimit } from '../ui/format.ts';
import { type BootWatch, bootVm } from '../vm/boot.ts';
import { failedAutoruns } from '../vm/ending.ts';
import type { VmPlan } from '../vm/plan.ts';
import type { RunningVm } from '../vm/running-vm.ts';
import { type RunContext, showProgress } from './context.ts';
import { cutRunImage } from './image.ts';
import type { PlannedServer } from './plan.ts';
import { bootLimit } from './settings.ts';

/** Cuts the images of the servers, all before the first VM starts. @returns their VMs */
export async function prepareServers(
  run: RunContext,
  kernel: { kernel: Kernel; kernelImage: string },
  servers: readonly PlannedServer[],
): Promise<VmSources[]> {
  const { settings, context, directory } = run;
  const prepared: VmSources[] = [];
  for (const { cut, conf, image, number } of servers) {
    showProgress(run, `cutting ${cut.name}`);
    const path = await cutRunImage(run, { cut, conf }, image);
    prepared.push({
      path,
      header: readImageHeader(path),
      ...kernel,
      conf,
      context,
      // --cpus, --memory, --disk, --append and --qemu-arg apply only to the VM under test.
      options: { net: settings.net },
      qemuArguments: [],
      terminal: DETACHED_TERMINAL,
      detached: true,
      judged: { survivesOops: settings.keepGoing === true },
      number,
      session: undefined,
      consoleLog: (own) => directory.file(consoleName(cut.name, own)),
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
  run: RunContext,
  prepared: readonly VmSources[],
  deadline: Deadline | undefined,
): Promise<Servers | { ended: EndedServer[] }> {
  const running: RunningServer[] = [];
  const stop = (): Promise<EndedServer[]> => Promise.all(running.map((server) => server.stop()));
  try {
    for (const sources of prepared) {
      showProgress(run, `booting ${cutOf(sources)}`);
      const earlier = running.map(({ number }) => number);
      running.push(await startServer(run, sources, earlier));
    }
  } catch (error) {
    await stop();
    throw error;
  }
  showProgress(run, `waiting for ${prepared.map(cutOf).join(', ')}`);
  if (!(await areReady(running, deadline))) return { ended: await stop() };
  return {
    numbers: running.map(({ number }) => number),
    failed: Promise.race(running.map(({ failed }) => failed)),
    stop,
  };
}

function cutOf({ header }: VmSources): string {
  return header.image.cut;
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
  run: RunContext,
  sources: VmSources,
  earlier: readonly number[],
): Promise<RunningServer> {
  const cut = cutOf(sources);
  const begun = createDeferred<{ number: number; watch: ServerWatch }>();
  const serversOf = (number: number): number[] => [...earlier, number];
  const ended = withVm({ ...sources, serversOf }, async (plan, registration) => {
    const watch = watchServer(run, plan, registration);
    watch.started.then(() => begun.resolve({ number: plan.number, watch }));
    const record = await bootVm(plan, watch.vmWatch);
    watch.end();
    return record;
  });
  ended.catch(begun.reject);
  const { number, watch } = await begun.promise;
  const start = run.elapsed();
  return {
    number,
    ready: watch.ready,
    failed: watch.failed.then((how) => `${cut} (VM ${number}) ${how}`),
    giveUp: watch.giveUp,
    stop: async () => {
      const facts = watch.stop();
      return { cut, number, start, record: await ended, ...facts() };
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
  { settings, elapsed }: RunContext,
  plan: VmPlan,
  { onStart, onState }: Registration,
): ServerWatch {
  const kernel = readKernelLog({
    elapsed,
    expected: settings.expected,
    survivesOops: settings.keepGoing === true,
  });
  const [started, ready, failed] = [
    createDeferred<void>(),
    createDeferred<boolean>(),
    createDeferred<string>(),
  ];
  const state = { isReady: false, isOver: false, wasStopped: false };
  let gaveUp: string | undefined;
  let vm: RunningVm | undefined;
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
      onStart: (running) => {
        vm = running;
        if (running.pid !== undefined) onStart(running.pid);
        started.resolve();
      },
      onEvent: (event) => {
        kernel.enter(event);
        if (event.event === 'init') limit.stop();
        if (event.event === 'prompt') onPrompt();
      },
      onStderr: () => {},
      onConsole: (chunk) => {
        kernel.push(chunk);
        if (kernel.loss() !== undefined) failed.resolve('crashed');
      },
    },
    started: started.promise,
    ready: ready.promise,
    failed: failed.promise,
    giveUp,
    stop: () => {
      state.wasStopped = state.isReady && !state.isOver && kernel.loss() === undefined;
      vm?.stop();
      return () => ({ splats: kernel.finish().splats, gaveUp, wasStopped: state.wasStopped });
    },
    end: () => {
      state.isOver = true;
      limit.stop();
      kernel.end();
      ready.resolve(false);
      if (!state.wasStopped) failed.resolve('has ended');
    },
  };
}
