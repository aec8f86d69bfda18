import { MESSAGE_OVERLAP } from '../formats/klog/line.ts';
import { splitLines } from '../sys/lines.ts';
import type { GuestEvent } from '../vm/guest-events.ts';
import type { KernelLoss } from '../vm/session-watch.ts';
import { type KernelFindings, readKernelLog } from './kernel-log.ts';
import type { RunLogs } from './log-file.ts';
import type { RunSplat, TestResult } from './run-result.ts';
import type { SplatOptions } from './splat-collection.ts';
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

export type Findings = FoundTests & KernelFindings;

export function createRecorder(options: RecorderOptions): Recorder {
  const { logs, format } = options;
  const kernel = readKernelLog({ ...options, mark: markOf(format) });
  const tests = collectTests(options, kernel.testEnded);
  const stdoutLines = splitLines(tests.push, { onRest: tests.partial, overlap: MESSAGE_OVERLAP });
  let endedBecause: string | undefined;
  let findings: Findings | undefined;
  return {
    onEvent: (event) => {
      kernel.enter(event);
      if (event.event === 'command-start') tests.begin();
    },
    onConsole: (chunk) => {
      logs.console.write(chunk);
      kernel.push(chunk);
      return kernel.loss();
    },
    onOutput: (name, chunk) => {
      logs[name].write(chunk);
      if (name === 'stdout' && format !== undefined) stdoutLines.push(chunk);
    },
    onEnding: (why) => {
      endedBecause = why;
      kernel.stop();
      logs.console.write(Buffer.from(`\r\nrapido: ${why}; the VM is ended\r\n`));
    },
    finish: (lost) => {
      if (findings !== undefined) return findings;
      kernel.end();
      stdoutLines.end();
      const found = tests.finish();
      const ofKernel = kernel.finish();
      const crash = ofKernel.splats.findLast(isCrash);
      for (const name of found.unfinished) {
        const start = tests.startOf(name);
        const test = {
          name,
          ...(start !== undefined && { start }),
          ...judgeUnfinished(crash, endedBecause ?? lost),
        };
        found.tests.push(test);
        options.listener?.onTest(test);
      }
      findings = { ...found, ...ofKernel };
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
