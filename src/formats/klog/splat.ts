/** `fatal` ends the run, `error` fails it, `note` is only reported. */
export type Severity = 'fatal' | 'error' | 'note';

/** Every kind of splat, and what the kernel complains of in it. */
export const SPLAT_KINDS = {
  panic: 'the kernel stopped by itself, and nothing before it says why',
  oops: 'a fault in kernel code: page fault, NULL pointer, invalid opcode, other processor faults',
  gpf: 'a general protection fault in kernel code (x86)',
  'double-fault': 'a fault while a fault was handled',
  bug: 'BUG(), and whatever else begins with "BUG:"',
  stack: 'a kernel stack that overflowed or was overwritten',
  cfi: 'an indirect call to a function of another type (control-flow integrity)',
  fortify: 'a copy over the end of an object (FORTIFY_SOURCE, hardened usercopy)',
  kasan: 'Kernel Address Sanitizer',
  kmsan: 'Kernel Memory Sanitizer',
  kcsan: 'Kernel Concurrency Sanitizer',
  kfence: 'Kernel Electric-Fence',
  ubsan: 'Undefined Behaviour Sanitizer',
  lockdep: 'a locking rule was broken, suspicious use of RCU included',
  lock: 'a lock itself is broken: bad magic, wrong owner, lockup suspected',
  atomic: 'sleeping or scheduling where that is not allowed, per-CPU data used while preemptible',
  warning: 'WARN()',
  'rcu-stall': 'an RCU grace period does not end',
  'soft-lockup': 'a CPU does not get to its scheduler',
  'hard-lockup': 'a CPU takes no interrupts',
  'hung-task': 'a task sleeps uninterruptibly for too long',
  workqueue: 'a worker pool is stuck, or a work item left a lock held',
  refcount: 'refcount_t over- or underflow',
  'list-corruption': 'a linked list whose neighbours do not agree',
  slab: 'damage found in a slab, or objects left in a cache that goes away',
  'memory-leak': 'kmemleak',
  memory: 'bad page state, page tables or counters that do not add up',
  odebug: 'an object used against its life cycle (timers, works)',
  dma: 'wrong use of the DMA API',
  irq: 'an interrupt that nobody handles, or that two drivers disagree on',
  netdev: 'a reference to a network device that never goes away',
  filesystem: 'a file system found damage, failed an assertion or shut itself down',
  boot: 'the kernel could not set up user space as it was told to',
  oom: 'out of memory, and a process killed for it',
  'user-fault': 'a user program crashed',
  'io-error': 'a block device reports errors',
  allocation: 'an allocation failed, with a stack trace to tell so',
  'fault-injection': 'a failure the tester asked for',
  module: 'a module was not loaded, as it is of another build',
  taint: 'the kernel was tainted by a module',
  clock: 'a clock source is unstable',
  hardware: 'the processor or the firmware reports a fault of its own',
  notice: 'something else that is worth knowing',
  trace: 'a stack trace without a word of why',
} as const satisfies Record<string, string>;

export type SplatKind = keyof typeof SPLAT_KINDS;

/** What tells one complaint from another: the same in every run that shows it. */
export interface SplatHead {
  kind: SplatKind;
  severity: Severity;
  /** One line without addresses, pids, CPUs and offsets: "WARNING in foo_bar". */
  title: string;
}

/** A complaint of the kernel, with all it said about it. */
export interface Splat extends SplatHead {
  /** Its lines as they were on the console, without CR and ANSI sequences, joined by `\n`. */
  text: string;
  /** Seconds since boot in the time stamp of its first line. */
  time: number | undefined;
}

/** What is equal for two splats exactly when they are one complaint made twice. */
export function keyOf(head: Pick<SplatHead, 'kind' | 'title'>): string {
  return `${head.kind}: ${head.title}`;
}

/** Whether two splats are one complaint made twice. */
export function isSameSplat(
  a: Pick<SplatHead, 'kind' | 'title'>,
  b: Pick<SplatHead, 'kind' | 'title'>,
): boolean {
  return keyOf(a) === keyOf(b);
}
