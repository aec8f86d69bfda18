import { type BlockedTask, createBlockedTaskReader } from '../formats/klog/blocked-tasks.ts';
import type { GuestEvent } from '../vm/guest-events.ts';
import type { KernelLoss } from '../vm/session-watch.ts';
import type { RunLogs } from './log-file.ts';
import type { RunSplat, TestResult } from './run-result.ts';
import { collectSplats, type SplatOptions } from './splat-collection.ts';
import { splitLines } from './split-lines.ts';
import { collectTests, type FoundTests, markOf, type TestOptions } from './test-collection.ts';
import { isCrash } from './verdict.ts';

export interface RecorderOptions extends Omit<SplatOptions, 'mark'>, TestOptions {
  logs: RunLogs;
}

/** Logs and parses the output of one VM. */
export interface Recorder {
  onEvent: (event: GuestEvent) => void;
  onConsole: (chunk: Buffer) => KernelLoss | undefined;
  onOutput: (name: 'stdout' | 'stderr', chunk: Buffer) => void;
  /** rapido ends the VM. Kernel reports after this do not count. */
  onEnding: (why: string) => void;
  /**
   * The output has ended. May be called more than once.
   * @param lost why the VM ended, if the cause is outside the guest
   */
  finish: (lost?: string) => Findings;
}

export interface Findings extends FoundTests {
  splats: RunSplat[];
  /** undefined: the kernel was not asked or did not answer. */
  blockedTasks: BlockedTask[] | undefined;
}

export function createRecorder(options: RecorderOptions): Recorder {
  const { logs } = options;
  const splats = collectSplats({ ...options, mark: markOf(options.format) });
  const tests = collectTests(options, splats.testEnded);
  let endedBecause: string | undefined;
  const blocked = createBlockedTaskReader();
  const consoleLines = splitLines((line) => {
    if (endedBecause === undefined) splats.push(line);
    else blocked.push(line);
  });
  const stdoutLines = splitLines(tests.push, tests.partial);
  let findings: Findings | undefined;
  return {
    onEvent: (event) => splats.enter(event),
    onConsole: (chunk) => {
      logs.console.write(chunk);
      consoleLines.push(chunk);
      if (!splats.isCrashed()) return undefined;
      return splats.isStuck() ? 'stuck' : 'crashed';
    },
    onOutput: (name, chunk) => {
      logs[name].write(chunk);
      if (name === 'stdout' && options.format !== undefined) stdoutLines.push(chunk);
    },
    onEnding: (why) => {
      endedBecause = why;
      splats.stop();
      logs.console.write(Buffer.from(`\r\nrapido: ${why}; the VM is ended\r\n`));
    },
    finish: (lost) => {
      if (findings !== undefined) return findings;
      consoleLines.end();
      stdoutLines.end();
      const found = tests.finish();
      const seen = splats.finish();
      const crash = seen.findLast(isCrash);
      for (const name of found.unfinished) {
        const test = { name, ...judgeUnfinished(crash, endedBecause ?? lost) };
        found.tests.push(test);
        options.listener?.onTest(test);
      }
      findings = { ...found, splats: seen, blockedTasks: blocked.finish() };
      return findings;
    },
  };
}

/** The result of a test that was running when the output ended. */
function judgeUnfinished(
  crash: RunSplat | undefined,
  lost: string | undefined,
): Pick<TestResult, 'status' | 'message'> {
  if (crash !== undefined) return { status: 'fail', message: `crashed: ${crash.title}` };
  if (lost !== undefined) return { status: 'interrupted', message: `it was running: ${lost}` };
  return { status: 'fail', message: 'it was running when the output ended' };
}
