import { once } from 'node:events';
import { Socket } from 'node:net';
import { dirname } from 'node:path';
import { EXIT, UserError } from '../errors.ts';
import { startSelfInBackground } from '../sys/background.ts';
import { withFailureHandler } from '../sys/failure.ts';
import { readLines } from '../sys/lines.ts';
import { readTail } from '../sys/read-tail.ts';
import { toPlainText } from '../ui/plain-text.ts';
import type { Ui } from '../ui/terminal.ts';
import { type BootWatch, bootVm } from '../vm/boot.ts';
import { createConsoleHub } from '../vm/console-hub.ts';
import { failedAutoruns } from '../vm/ending.ts';
import { findOops } from '../vm/find-oops.ts';
import type { GuestEvent } from '../vm/guest-events.ts';
import { type BootJudgement, describeNoConsole, judgeBoot } from '../vm/judge-boot.ts';
import { forgetEnding, noteEnding } from '../vm/last-endings.ts';
import type { RunningVm } from '../vm/running-vm.ts';
import { serveVm } from '../vm/serve-vm.ts';
import { describeLogin } from './ssh-login.ts';
import type { RegisteredVm } from './start.ts';

/*
 * A VM of `rapido boot --detach` has a keeper: a rapido process in the background, with the same command
 * line, in a session of its own. The keeper holds rapido's ends of QEMU's channels, serves the requests of
 * other processes, and cleans up; QEMU ends with it. Until the VM is ready, the rapido in the foreground
 * prints the keeper's messages.
 */

/** Set in the environment of a keeper. */
const KEEPER = 'RAPIDO_KEEPER';

/**
 * On this file descriptor, a keeper writes one line when its VM is ready. When the other end is closed, the
 * rapido in the foreground no longer waits.
 */
const REPORT_FD = 3;

export function isKeeper(): boolean {
  return process.env[KEEPER] === '1';
}

/** Starts a keeper with the arguments of this process, and waits until its VM is ready or has failed. */
export async function bootWithKeeper(ui: Ui): Promise<number> {
  const keeper = startSelfInBackground({ [KEEPER]: '1' });
  const report = keeper.stdio[REPORT_FD] as Socket;
  const exited = once(keeper, 'exit');
  exited.catch(() => {}); // It is awaited below, after the streams have closed.
  const said = keeper.stderr === null ? undefined : readLines(keeper.stderr, ui.note);
  let ready: string | undefined;
  await readLines(report, (line) => {
    ready = line;
    report.destroy();
  });
  if (ready === undefined) {
    await said;
    const [status, signal] = await exited;
    if (signal === null) return status;
    throw new UserError(`the VM's background process was killed by ${signal}`, {
      exitCode: EXIT.software,
    });
  }
  // All messages up to here have arrived, and the keeper does not depend on this process.
  keeper.stderr?.destroy();
  keeper.unref();
  report.unref();
  ui.result(ready);
  const commands = ['exec', 'console', 'stop'].map((command) => `rapido ${command} ${ready}`);
  ui.note(`next: ${commands.join(', ')}`);
  return EXIT.ok;
}

/** How many lines of the console are shown if the VM failed. */
const TAIL_LINES = 20;

/** Runs a VM in the background until it ends. @returns the exit status */
export async function keepVm({
  plan,
  image,
  registration,
  context,
}: RegisteredVm): Promise<number> {
  const { ui } = context;
  forgetEnding(dirname(plan.consoleLog));
  const report = new Socket({ fd: REPORT_FD });
  report.on('error', () => {}); // `close` follows, and is handled below.
  const boot = { state: 'starting' as 'starting' | 'ready' | 'failed' };
  let vm: RunningVm | undefined;
  let requests: ReturnType<typeof serveVm> | undefined;
  const hub = createConsoleHub((keys) => vm?.type(keys));
  report.resume();
  report.on('close', () => {
    if (boot.state === 'starting') vm?.stop();
  });
  const onPrompt = (): void => {
    if (hasFailed(vm?.events ?? [])) {
      boot.state = 'failed';
      vm?.stop();
      return;
    }
    boot.state = 'ready';
    registration.onState('ready');
    const login = describeLogin(plan, image);
    if (login !== undefined) ui.note(login);
    report.end(`${plan.number}\n`);
  };
  /** Records a failure of the keeper for `rapido ps`, because its stderr is closed once the VM is ready. */
  const noteFailure = (error: unknown): void => {
    const reason = error instanceof Error ? error.message : String(error);
    const lines = [`the VM's background process failed: ${reason}`];
    if (boot.state === 'ready') noteEnding(plan.consoleLog, { cut: image.cut, lines });
  };
  const watch: BootWatch = {
    onStart: (started) => {
      vm = started;
      if (vm.pid !== undefined) registration.onStart(vm.pid);
      requests = serveVm(registration.files.requestSocket, vm, hub);
    },
    onEvent: ({ event }) => {
      if (event === 'prompt') onPrompt();
      if (event === 'no-console') ui.note(`rapido: ${describeNoConsole(plan.number)}`);
    },
    onStderr: ui.passOn,
    onConsole: hub.show,
  };
  const record = await withFailureHandler(noteFailure, () => bootVm(plan, watch));
  await (await requests)?.close();
  const judgement = judgeBoot(record, {
    interactive: true,
    autorun: image.autorun,
    oops: await findOops(record, plan.consoleLog),
  });
  if (boot.state === 'ready') noteEnding(plan.consoleLog, { cut: image.cut, ...judgement });
  else reportFailure(judgement, plan.consoleLog, ui);
  report.destroy();
  return boot.state === 'ready' ? judgement.status : EXIT.failed;
}

function hasFailed(events: readonly GuestEvent[]): boolean {
  return failedAutoruns(events).length > 0 || events.some(({ event }) => event === 'no-directory');
}

function reportFailure({ lines }: BootJudgement, consoleLog: string, ui: Ui): void {
  const tail = readTail(consoleLog, 64 * 1024)
    .split('\n')
    .map(toPlainText)
    .filter((line) => line !== '')
    .slice(-TAIL_LINES);
  for (const line of tail) ui.note(`  | ${line}`);
  const why = lines.length > 0 ? lines : ['the VM ended before it was ready'];
  for (const line of why) ui.note(`rapido: ${line}`);
  ui.note(`rapido: the VM has ended; the console is in ${consoleLog}`);
}
