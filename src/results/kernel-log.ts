import { type BlockedTask, createBlockedTaskReader } from '../formats/klog/blocked-tasks.ts';
import { MESSAGE_OVERLAP } from '../formats/klog/line.ts';
import { splitLines } from '../sys/lines.ts';
import type { GuestEvent } from '../vm/guest-events.ts';
import type { KernelLoss } from '../vm/session-watch.ts';
import type { RunSplat } from './run-result.ts';
import { collectSplats, type SplatOptions } from './splat-collection.ts';

/** Finds what the kernel of a VM of a run reports on the console. */
export interface KernelLog {
  /** Takes a part of the console. */
  push: (chunk: Buffer) => void;
  enter: (event: GuestEvent) => void;
  /** See `SplatCollection`. */
  testEnded: (name: string) => void;
  /** How the kernel was lost, once that is known. */
  loss: () => KernelLoss | undefined;
  /** rapido ends the VM: kernel reports no longer count, and the kernel is asked for its blocked tasks. */
  stop: () => void;
  /** The console has ended. */
  end: () => void;
  finish: () => KernelFindings;
}

export interface KernelFindings {
  splats: RunSplat[];
  /** undefined: the kernel was not asked or did not answer. */
  blockedTasks: BlockedTask[] | undefined;
}

export function readKernelLog(options: SplatOptions): KernelLog {
  const splats = collectSplats(options);
  const blocked = createBlockedTaskReader();
  let isStopped = false;
  const lines = splitLines((line) => (isStopped ? blocked : splats).push(line), {
    overlap: MESSAGE_OVERLAP,
  });
  return {
    push: lines.push,
    enter: splats.enter,
    testEnded: splats.testEnded,
    loss: () => {
      if (!splats.isCrashed()) return undefined;
      return splats.isStuck() ? 'stuck' : 'crashed';
    },
    stop: () => {
      isStopped = true;
      splats.stop();
    },
    end: lines.end,
    finish: () => ({ splats: splats.finish(), blockedTasks: blocked.finish() }),
  };
}
