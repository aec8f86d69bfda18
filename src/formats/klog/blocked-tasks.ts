import { parseKernelLines } from './line.ts';
import { awaitedFunction } from './title.ts';

/** A task that sleeps uninterruptibly (state D). */
export interface BlockedTask {
  name: string;
  pid: number;
  /** The kernel function in which it waits; undefined if its stack does not show it. */
  function: string | undefined;
}

/** Parses the output of sysrq-w, `Show Blocked State` (Documentation/admin-guide/sysrq.rst). */
export interface BlockedTaskReader {
  /** Takes a console line without its end. */
  push: (line: string) => void;
  /** @returns undefined if the kernel has not answered; empty if no task is blocked */
  finish: () => BlockedTask[] | undefined;
}

/** A hanging system has a few blocked tasks, or at most as many as its load has processes. */
const MOST_TASKS = 1000;
/** The function is among the first frames of a stack. */
const MOST_FRAMES = 64;

/** What sched_show_task() prints: since Linux 5.10, and before. */
const TASK =
  /^task:(.{0,15}?) *state:\S.*?\bpid:\s*(\d+)|^(\S.{0,14}?) +D\s.*?(\d+)\s+\d+ 0x[0-9a-f]+\s*$/;

export function createBlockedTaskReader(): BlockedTaskReader {
  let isAnswered = false;
  let isReading = false;
  let frames: string[] = [];
  let open: Omit<BlockedTask, 'function'> | undefined;
  const tasks = new Map<number, BlockedTask>();

  function close(): void {
    if (open !== undefined && tasks.size < MOST_TASKS) {
      tasks.set(open.pid, { ...open, function: awaitedFunction(frames) });
    }
    open = undefined;
    frames = [];
  }

  function take(text: string): void {
    const [, title] = /^(?:sysrq: |SysRq ?: )(.*)/.exec(text) ?? [];
    if (title !== undefined) {
      close();
      isReading = title.startsWith('Show Blocked State');
      isAnswered ||= isReading;
      return;
    }
    if (!isReading) return;
    const [, name, pid, oldName, oldPid] = TASK.exec(text) ?? [];
    if (pid !== undefined || oldPid !== undefined) {
      close();
      open = { name: (name ?? oldName ?? '').trim(), pid: Number(pid ?? oldPid) };
    } else if (frames.length < MOST_FRAMES) frames.push(text);
  }

  return {
    push: (line) => {
      const last = parseKernelLines(line).at(-1);
      if (last !== undefined) take(last.text);
    },
    finish: () => {
      close();
      return isAnswered ? [...tasks.values()] : undefined;
    },
  };
}
