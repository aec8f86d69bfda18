import type { GuestEvent } from '../vm/guest-events.ts';
import type { RunLogs } from './log-file.ts';
import type { RunSplat } from './run-result.ts';
import { collectSplats, type SplatOptions } from './splat-collection.ts';
import { splitLines } from './split-lines.ts';
import { collectTests, type FoundTests, markOf, type TestOptions } from './test-collection.ts';
import { isCrash } from './verdict.ts';

export interface RecorderOptions extends Omit<SplatOptions, 'mark'>, TestOptions {
  logs: RunLogs;
}

/** Writes down what comes out of one VM, and reads it on the way. */
export interface Recorder {
  onEvent: (event: GuestEvent) => void;
  /** @returns 'crashed' once the kernel cannot go on */
  onConsole: (chunk: Buffer) => 'crashed' | undefined;
  onOutput: (name: 'stdout' | 'stderr', chunk: Buffer) => void;
  /** rapido ends the VM: what the kernel says after that does not count. */
  onEnding: (why: string) => void;
  /** There is nothing more to come; a second time it does nothing. */
  finish: () => Findings;
}

export interface Findings extends FoundTests {
  splats: RunSplat[];
}

export function createRecorder(options: RecorderOptions): Recorder {
  const { logs } = options;
  const splats = collectSplats({ ...options, mark: markOf(options.format) });
  const tests = collectTests(options, splats.testEnded);
  const consoleLines = splitLines(splats.push);
  const stdoutLines = splitLines(tests.push, tests.partial);
  let findings: Findings | undefined;
  return {
    onEvent: (event) => splats.enter(event),
    onConsole: (chunk) => {
      logs.console.write(chunk);
      consoleLines.push(chunk);
      return splats.isCrashed() ? 'crashed' : undefined;
    },
    onOutput: (name, chunk) => {
      logs[name].write(chunk);
      if (name === 'stdout' && options.format !== undefined) stdoutLines.push(chunk);
    },
    onEnding: (why) => {
      splats.stop();
      logs.console.write(Buffer.from(`\r\nrapido: ${why}; the VM is ended\r\n`));
    },
    finish: () => {
      if (findings !== undefined) return findings;
      consoleLines.end();
      stdoutLines.end();
      const found = tests.finish();
      const seen = splats.finish();
      const crash = seen.findLast(isCrash);
      const message =
        crash === undefined ? 'it was running when the output ended' : `crashed: ${crash.title}`;
      for (const name of found.unfinished) {
        const test = { name, status: 'fail', message } as const;
        found.tests.push(test);
        options.listener?.onTest(test);
      }
      findings = { ...found, splats: seen };
      return findings;
    },
  };
}
