/**
 * Functions that report, check, allocate, lock, copy or sleep for others. A title names their caller instead.
 * Whole names, as regular expressions.
 */
const MACHINERY = names([
  // Entry code, and the functions between a fault and its report.
  String.raw`asm_\w+|sysvec_\w+|exc_\w+|error_entry|page_fault|async_page_fault|general_protection`,
  String.raw`entry_\w+|do_syscall_\w+|ret_from_fork\w*|__do_fast_syscall_32|invalid_op|double_fault`,
  String.raw`handle_bug|handle_invalid_op|report_bug|fixup_bug|do_(?:trap|error_trap|invalid_op)\w*`,
  String.raw`el[01]\w*|do_mem_abort|do_(?:kernel|translation|page)_fault|__do_kernel_fault|die\w*`,
  String.raw`\w*bug_handler|call_break_hook|brk_handler|do_debug_exception|program_check\w*`,
  String.raw`(?:arch_)?trigger_\w*backtrace\w*|dump_cpu_task|sched_show_task|show_stack\w*|dump_stack\w*|__dump_stack|dump_backtrace\w*|dump_header|show_regs`,
  String.raw`unwind_\w+|arch_stack_walk|walk_stackframe|stack_trace_\w+|save_stack\w*|panic|nmi_panic`,
  String.raw`__warn\w*|warn_slowpath\w*|warn_alloc\w*|warn_bogus\w*|__might_\w+|___might_sleep`,
  String.raw`__stack_chk_fail|__sanitizer\w*|oops_\w+|__die\w*|crash_\w+|kernel_bad_stack`,
  // Sanitizers and other checkers.
  String.raw`_*(?:kasan|hwasan|asan|kmsan|msan|kcsan|tsan|kfence|ubsan|check_memory_region)\w*`,
  String.raw`print_(?:report|address_description|usage_bug|circular_bug|deadlock\w*|unlock_\w+)`,
  String.raw`check_(?:noncircular|region_inline|heap_object|object\w*|deadlock)|end_report|print_bad_\w+`,
  String.raw`handle_overflow|_*list_(?:add|del|move)\w*|refcount_\w+|kref_\w+|__refcount_\w+|report_addr`,
  String.raw`debug_(?:object|print_object|check_no_obj|smp_processor|locks_off|mutex|dma)\w*`,
  String.raw`check_preemption_disabled|__this_cpu_preempt_check|__debug_object\w*|bad_page\w*`,
  String.raw`assfail|xfs_(?:corruption_error|error_report|do_force_shutdown|asserts?_\w+|buf_corruption_error)`,
  String.raw`\w*assertfail|slab_\w+|_*mod_timer|add_timer\w*|del_timer\w*|timer_delete\w*|init_timer_key|usercopy_\w+`,
  String.raw`__check_(?:heap_object|object_size)|__?fortify_(?:panic|report)|__copy_overflow|cache_from_obj|dma_map_\w+|check_unmap|err_printk`,
  '__schedule_bug|schedule_debug|bust_spinlocks|spin_(?:bug|dump)|rwlock_bug|bad_irq|__report_bad_irq',
  String.raw`note_interrupt|should_fail\w*|should_failslab|fail_dump|__should_fail\w*`,
  // Lockdep and the locks themselves.
  String.raw`lock_(?:acquire|release|is_held\w*)|__lock_\w+|lockdep_\w+|mark_(?:lock|usage|held)\w*`,
  String.raw`register_lock_class|assign_lock_key|validate_chain|check_prev\w*|valid_state|look_up_lock_class`,
  String.raw`_*(?:raw_)?(?:spin|read|write)_(?:un)?(?:try)?lock\w*|do_raw_\w+|queued_\w+|native_queued\w*`,
  String.raw`_*mutex_\w+|__?(?:down|up)(?:_read|_write|_trylock)?\w*|rwsem_\w+|rt_mutex_\w+|rtnl_lock\w*`,
  String.raw`osq_\w+|pv_\w+|__pv_\w+|trace_(?:hard|soft)irqs\w*|__local_bh_\w+|local_bh_\w+|percpu_down\w*`,
  String.raw`debug_(?:lockdep|check_no_lock)\w*|reacquire_held_locks|_*x86_indirect_\w+|_*(?:rb|__rb)_\w+`,
  String.raw`do_tag_\w+|write_comp_data|__sanitizer_cov\w*|__read_once\w*|panic_bad_stack|_*atomic_dec_and_\w+|_*test_and_\w+_bit\w*|hex_dump_to_buffer|\w*__seqprop\w*`,
  String.raw`perf_trace_\w+|trace_event_\w+|(?:timer|work)_is_static_object|read_word_at_a_time|kfree_skb\w*`,
  '_*(?:raw_)?(?:read|write)[bwlq]|finish_wait|(?:add|remove)_wait_queue|hex_string|object_err|print_trailer',
  String.raw`kmemleak_\w+|create_object|nmi_cpu_backtrace|nmi_trigger_\w+|__flush_work|_*down|_*up`,
  // Allocation and copying.
  String.raw`_*k[vmz]*(?:m|z|c)?alloc\w*|_*kmalloc\w*|krealloc\w*|kvm?alloc\w*|_*kmem_cache_\w+|_*k?v?free(?:_sensitive)?`,
  String.raw`_*alloc_(?:pages?|frozen)\w*|allocate_slab|new_slab|___slab_\w+|__slab_\w+|get_page_from_freelist`,
  String.raw`_*vmalloc\w*|vunmap|__get_free_pages?|___kmalloc\w*|alloc_skb\w*|__alloc_skb|__kfree_skb`,
  String.raw`_*(?:memcpy|memset|memmove|memcmp|memchr\w*|str[nlrs]?(?:len|cmp|cpy|cat|chr|scpy|str|dup)|kstrdup\w*)(?:_orig|_erms)?`,
  String.raw`_*(?:raw_)?copy_(?:to|from)_\w+|_*(?:get|put)_user\w*|_*clear_user\w*`,
  String.raw`_*(?:test_|)(?:set|clear|change|test)_bit\w*|(?:raw_)?atomic(?:64|_long)?_\w+|arch_atomic\w*`,
  String.raw`_*printk\w*|vprintk\w*|_*dev_(?:warn|err|info|printk)\w*|kobject_(?:put|get|add\w*|init\w*)`,
  String.raw`v?s[cn]*printf|string_?\w*|pointer|format_decode`,
]);

/** Functions that sleep: for a hung task, the title names their caller. */
export const SLEEPING = names([
  String.raw`_*schedule\w*|io_schedule\w*|preempt_schedule\w*|context_switch|__switch_to\w*`,
  String.raw`_*wait_(?:on|for)_\w+|_*wait_event\w*|do_wait_for_common|_*folio_(?:lock|wait)\w*|bit_wait\w*`,
  String.raw`out_of_line_wait\w*|_*lock_(?:page|sock)\w*|prepare_to_wait\w*|jbd2_log_wait_commit|_*msleep\w*`,
  String.raw`_*percpu_(?:down|rwsem)\w*|_*synchronize_\w+|__sched_text_start|call_rwsem_\w+|ldsem_\w+|_*cancel_work\w*|usb_start_wait_urb|__rt_mutex\w*|__rwsem\w*|_*flush_\w*work\w*|kthread_stop|down_\w+|rpc_wait_bit_killable`,
]);

/** Interrupts, timers, idling and stall detection: on the stack of a stalled CPU, but not the cause. */
export const STALL_DETECTION = names([
  String.raw`\w*(?:timer|hrtimer|tick_|watchdog|softlockup|nmi_|_nmi|idle|apic|clockevent)\w*`,
  String.raw`rcu_\w+|__rcu\w*|_sched_show_task|io_serial_\w+|serial8250_\w+|\w*console_\w+|on_each_cpu\w*|update_process_times|sched_show_task|sched_tick|print_cpu_stall|check_cpu_stall`,
  String.raw`print_other_cpu_stall|irq_\w+|_*handle_irq\w*|_*do_softirq\w*|handle_softirqs|native_\w*halt|default_idle\w*`,
  String.raw`smp_call_function\w*|csd_\w+|__?sysvec\w*|start_secondary|cpu_startup_entry|do_idle|cpu_relax|delay_\w+|__delay|__const_udelay`,
  String.raw`secondary_startup\w*|start_kernel|arch_call_rest_init|rest_init|x86_64_start\w*|kthread|worker_thread|notify_die|default_do_nmi`,
]);

/** Functions of RCU, to be skipped in reports about the use of RCU. */
export const RCU = names([String.raw`_*s?rcu_\w+|___?rcu\w*|note_context_switch`]);

function names(alternatives: readonly string[]): RegExp {
  return new RegExp(`^(?:${alternatives.join('|')})$`);
}

const SYMBOL = String.raw`([A-Za-z_.$][\w.$]*)\+0x[0-9a-f]+\/0x[0-9a-f]+`;

/**
 * A frame of a stack trace, with the prefixes of some architectures and old kernels: `<IRQ>`, addresses in
 * brackets, and `? ` for an address that was found on the stack but may not be a caller. 32-bit ARM prints
 * `foo from bar+0x10/0x20`.
 */
const FRAME = new RegExp(
  String.raw`^[\s(]*(?:<\/?[A-Z#]+>\s+)?(?:\[<?[0-9a-f]{8,16}>?\][\s(]*)*(\? )?\s*(?:${SYMBOL}|\(?([A-Za-z_][\w.]*)(?:\+0x[0-9a-f/x]+)?(?: \[\w+\])?\)? from )`,
);

/** The line with the program counter in kernel code, on x86, arm, arm64, riscv, ppc and s390. */
const PROGRAM_COUNTER = new RegExp(
  String.raw`^(?:RIP:? *(?:[0-9a-f]{4}:)?|EIP: (?:[0-9a-f]{4}:)?|EIP is at |PC is at |pc : |epc *: |NIP |Krnl PSW : [0-9a-f ]+\()(?:\s*\[<?[0-9a-f]+>?\])*\s*${SYMBOL}`,
);

/** Where the search for the function begins: at the program counter, or in the stack trace. */
export type Where = 'pc' | 'frames';

/**
 * Finds the function for the title of a report: the first one at the program counter or in the stack trace
 * that is neither in MACHINERY nor matched by `skip`.
 * @param lines of one report, without time stamps
 */
export function blamedFunction(
  lines: readonly string[],
  where: Where = 'pc',
  skip?: RegExp,
): string | undefined {
  const isMachinery = (name: string): boolean => MACHINERY.test(name) || skip?.test(name) === true;
  const { before, trace } = splitAtTrace(lines);
  const counters = where === 'pc' ? before.flatMap(counterOf) : [];
  const frames = traceFunctions(trace);
  const sure = frames.filter(({ isSure }) => isSure).map(({ name }) => name);
  const doubtful = frames.filter(({ isSure }) => !isSure).map(({ name }) => name);
  const found = [...counters, ...sure, ...doubtful].find((name) => !isMachinery(name));
  return found ?? counters[0];
}

function counterOf(line: string): string[] {
  const name = PROGRAM_COUNTER.exec(line)?.[1];
  return name === undefined ? [] : [bareName(name)];
}

const TRACE_BEGIN = /^\s*(?:Call [Tt]race|[Bb]acktrace)\b.*:/;
/** A second stack in the same report, of another event such as the allocation of the object. */
const OTHER_STACK = /^(?:Allocated by|Freed by|Last potentially|Uninit was|Local variable)/;

interface TraceFunction {
  name: string;
  isSure: boolean;
}

/** Splits a report at its stack trace. Without a line that announces one, both parts are the whole report. */
function splitAtTrace(lines: readonly string[]): Record<'before' | 'trace', readonly string[]> {
  const begin = lines.findIndex((line) => TRACE_BEGIN.test(line));
  if (begin < 0) return { before: lines, trace: lines };
  return { before: lines.slice(0, begin), trace: lines.slice(begin + 1) };
}

/**
 * The functions of a report's own stack trace. A program counter within it is where an interrupt or an
 * exception occurred; the interrupted functions follow.
 */
function traceFunctions(trace: readonly string[]): TraceFunction[] {
  const end = trace.findIndex((line) => OTHER_STACK.test(line));
  return trace.slice(0, end < 0 ? trace.length : end).flatMap((line) => {
    const [, unsure, symbol, caller] = FRAME.exec(line) ?? [];
    const name = symbol ?? caller;
    if (name !== undefined) return [{ name: bareName(name), isSure: unsure === undefined }];
    return counterOf(line).map((counter) => ({ name: counter, isSure: true }));
  });
}

/**
 * The name of a function in the source: without suffixes of the compiler (`.isra.0`, `.cold`), the leading
 * dot on ppc64, and the prefixes of each architecture's system call wrappers.
 */
function bareName(symbol: string): string {
  return symbol
    .replace(/^\./, '')
    .replace(/(?<=.)\..*$/, '')
    .replace(/^__(?:(?:x64|ia32|arm64|s390x?|riscv|powerpc)_|se_|do_)(?=(?:compat_)?sys_)/, '');
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
