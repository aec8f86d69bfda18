import {
  AWAITED,
  CROSS_CALL,
  DISPATCHERS,
  IDLING,
  MACHINERY,
  SLEEPING,
  STALL_DETECTION,
} from './functions.ts';
import { bareName, type Frame, stackOf } from './stack.ts';

/** Where the search for the function begins: at the program counter, or in the stack trace. */
export type Where = 'pc' | 'frames';

/**
 * Finds the function for the title of a report: the first one at the program counter or in the stack trace
 * that is neither in MACHINERY nor matched by `skip`. Frames that may not be callers count only if there is no
 * other.
 * @param lines of one report, without timestamps
 */
export function blamedFunction(
  lines: readonly string[],
  where: Where = 'pc',
  skip?: RegExp,
): string | undefined {
  const { counters, trace, rest } = stackOf(lines);
  const isBlamed = ({ name }: Frame): boolean => !MACHINERY.test(name) && !skip?.test(name);
  const first = where === 'pc' ? [...counters, ...trace] : trace;
  const found = bySureness(first).find(isBlamed) ?? bySureness(rest).find(isBlamed);
  return (found ?? (where === 'pc' ? counters[0] : undefined))?.name;
}

function bySureness(frames: readonly Frame[]): Frame[] {
  return [...frames.filter(({ isSure }) => isSure), ...frames.filter(({ isSure }) => !isSure)];
}

/**
 * Finds the function for the title of a stall, a lockup or a stack that overflowed: the one that a dispatcher
 * called, because the functions further in are others each time.
 */
export function loopingFunction(lines: readonly string[]): string | undefined {
  const { counters, trace } = stackOf(lines);
  const names = interrupted(counters, trace).map(({ name }) => name);
  let called: string | undefined;
  for (const name of names) {
    if (CROSS_CALL.test(name)) return 'smp_call_function';
    if (DISPATCHERS.test(name)) {
      if (called !== undefined) return called;
    } else if (isLoop(name)) called = name;
  }
  return names.find((name) => isLoop(name) && !STALL_DETECTION.test(name));
}

/**
 * Finds the function for the title of a stack that overflowed: the one that calls itself, or the one at which a
 * recursion of several functions began.
 */
export function recursiveFunction(lines: readonly string[]): string | undefined {
  const names = stackOf(lines)
    .trace.filter(({ isSure }) => isSure)
    .map(({ name }) => name);
  return names.find((name, at) => name === names[at + 1]) ?? loopingFunction(lines);
}

function isLoop(name: string): boolean {
  return !MACHINERY.test(name) && !SLEEPING.test(name) && !IDLING.test(name);
}

/** The frames of what the CPU was doing when an interrupt detected the stall. */
function interrupted(counters: readonly Frame[], trace: readonly Frame[]): Frame[] {
  const known = trace.filter(({ isSure }) => isSure);
  const sure = known.length > 0 ? known : trace;
  if (counters.length > 0) return [...counters, ...sure];
  const counter = sure.findIndex(({ isCounter }) => isCounter);
  const begin = sure.findIndex(({ name }) => isLoop(name) && !STALL_DETECTION.test(name));
  return sure.slice(counter >= 0 ? counter : Math.max(begin, 0));
}

/** Finds the function for the title of a task that sleeps: what it waits for, or who waits. */
export function awaitedFunction(lines: readonly string[]): string | undefined {
  const { trace } = stackOf(lines);
  const scheduler = trace.findIndex(({ name }) => /^(?:__)?schedule$/.test(name));
  const frames = bySureness(trace.slice(Math.max(scheduler, 0)));
  for (const { name } of frames) {
    const known = AWAITED.find(({ functions }) => functions.test(name));
    if (known !== undefined) return known.name;
    if (!MACHINERY.test(name) && !SLEEPING.test(name)) return name;
  }
  return undefined;
}

const TOP =
  'arch|block|certs|crypto|drivers|fs|include|init|io_uring|ipc|kernel|lib|mm|net|rust|samples|security|sound|tools|usr|virt';
const IN_TREE = new RegExp(`^.*?(?:^|/)(?=(?:${TOP})/)`);

/** A path relative to the kernel tree, wherever the tree was when it was built, without line numbers. */
export function treePath(path: string): string {
  return path.replace(/:\d+.*$/, '').replace(IN_TREE, '');
}

/** Makes text equal in all runs: addresses and numbers become `N`, and offsets are removed. */
export function stableText(text: string): string {
  return text
    .replace(/\b([A-Za-z_][\w.]*)\+0x[0-9a-f]+(?:\/0x[0-9a-f]+)?/g, (_, name: string) =>
      bareName(name),
    )
    .replace(
      /\b0x[0-9a-f]+\b|\b(?=[0-9a-f]*\d)[0-9a-f]{8,16}\b|(?<![\w.-])-?\d+(?:\.\d+)*(?!\w)/gi,
      'N',
    )
    .replace(/\b(CPU|cpu)#?\d+/g, '$1 N')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 160);
}
