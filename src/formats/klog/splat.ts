/** `fatal` ends the run, `error` fails it, `note` is only reported. */
export type Severity = 'fatal' | 'error' | 'note';

/** Every kind of splat, and its meaning. */
export const SPLAT_KINDS = {
  panic: 'the kernel panicked, and no earlier report gives the cause',
  oops: 'a fault in kernel code: page fault, NULL pointer, invalid opcode, other processor faults',
  gpf: 'a general protection fault in kernel code (x86)',
  'double-fault': 'a fault while a fault was handled',
  bug: 'BUG(), and other reports that begin with "BUG:"',
  stack: 'a kernel stack that overflowed or was overwritten',
  cfi: 'an indirect call to a function of the wrong type (control-flow integrity)',
  fortify: 'a copy beyond the end of an object (FORTIFY_SOURCE, hardened usercopy)',
  kasan: 'Kernel Address Sanitizer',
  kmsan: 'Kernel Memory Sanitizer',
  kcsan: 'Kernel Concurrency Sanitizer',
  kfence: 'Kernel Electric-Fence',
  ubsan: 'Undefined Behaviour Sanitizer',
  lockdep: 'a violated locking rule, or suspicious RCU usage',
  lock: 'a broken lock: bad magic, wrong owner, lockup suspected',
  atomic: 'sleeping or scheduling where that is not allowed, per-CPU data used while preemptible',
  warning: 'WARN()',
  'rcu-stall': 'an RCU grace period does not end',
  'soft-lockup': 'a CPU does not schedule',
  'hard-lockup': 'a CPU does not handle interrupts',
  'hung-task': 'a task sleeps uninterruptibly for too long',
  workqueue: 'a worker pool is stuck, or a work item did not release a lock',
  refcount: 'refcount_t overflow or underflow',
  'list-corruption': 'a corrupted linked list',
  slab: 'corruption in a slab, or objects left in a destroyed cache',
  'memory-leak': 'kmemleak',
  memory: 'bad page state, inconsistent page tables or counters',
  odebug: 'an object used in the wrong state of its life cycle (timers, works)',
  dma: 'wrong use of the DMA API',
  irq: 'an interrupt that no driver handles, or flags on which two drivers differ',
  device: 'a device does not respond, or a virtio ring is corrupt',
  netdev: 'a reference to a network device that is not released',
  selftest: 'a test within the kernel failed: KUnit, rcutorture, lib/test_*.c',
  filesystem: 'a filesystem found corruption, failed an assertion or shut itself down',
  boot: 'the kernel could not start user space as configured',
  oom: 'out of memory, and a process was killed',
  'user-fault': 'a user program crashed',
  'io-error': 'a block device reports errors',
  allocation: 'an allocation failed, with a stack trace',
  'fault-injection': 'an injected failure, which the tester requested',
  module: 'a module was rejected, because it belongs to another build',
  taint: 'the kernel was tainted by a module',
  clock: 'a clock source is unstable',
  hardware: 'the processor or the firmware reports a fault',
  notice: 'other remarkable messages',
  trace: 'a stack trace without a message',
} as const satisfies Record<string, string>;

export type SplatKind = keyof typeof SPLAT_KINDS;

/** Identifies a splat: the same in every run in which it occurs. */
export interface SplatHead {
  kind: SplatKind;
  severity: Severity;
  /** One line without addresses, pids, CPUs and offsets: "WARNING in foo_bar". */
  title: string;
}

/** A kernel report with all its lines. */
export interface Splat extends SplatHead {
  /** Its lines as printed on the console, without CR and ANSI sequences, joined by `\n`. */
  text: string;
  /** Seconds since boot in the timestamp of its first line. */
  time: number | undefined;
}

/** A key that is equal for two splats exactly if they are the same report. */
export function keyOf(head: Pick<SplatHead, 'kind' | 'title'>): string {
  return `${head.kind}: ${head.title}`;
}

/** Whether two splats are the same report. */
export function isSameSplat(
  a: Pick<SplatHead, 'kind' | 'title'>,
  b: Pick<SplatHead, 'kind' | 'title'>,
): boolean {
  return keyOf(a) === keyOf(b);
}
