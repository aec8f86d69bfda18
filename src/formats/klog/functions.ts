/** Reasons, and the functions to which each applies: regular expressions that match a whole name. */
type Table = Readonly<Record<string, readonly string[]>>;

function names(table: Table): RegExp {
  return new RegExp(`^(?:${Object.values(table).flat().join('|')})$`);
}

const { raw } = String;

/**
 * Functions that report, check, or work on behalf of their callers. A title names the first function that is not
 * one of these, because that is where the fault is, and because it tells one report from another.
 */
export const MACHINERY = names({
  'entry code, between a fault and its handler': [
    raw`asm_\w+|sysvec_\w+|exc_\w+|error_entry|page_fault|async_page_fault|general_protection|double_fault|invalid_op`,
    raw`entry_\w+|do_syscall_\w+|ret_from_fork\w*|__do_fast_syscall_32|el[01]\w*|_*x86_(?:indirect|return)_\w+`,
    raw`__[di]abt_\w+|__und_\w+|do_DataAbort|do_PrefetchAbort|do_undefinstr`,
  ],
  'handlers of exceptions': [
    raw`do_mem_abort|do_(?:kernel|translation|page)_fault|__do_kernel_fault|(?:__)?die(?:_\w+)?|oops_\w+|crash_\w+`,
    raw`handle_bug|handle_invalid_op|report_bug|fixup_bug|do_(?:trap|error_trap|invalid_op)\w*|\w*bug_handler`,
    raw`call_break_hook|brk_handler|do_debug_exception|program_check\w*|kernel_bad_stack|panic_bad_stack`,
    raw`handle_bad_stack|__bad_stack|do_error`,
  ],
  'panic and WARN()': [
    raw`_*panic|nmi_panic|panic_saved_regs|check_panic_on_warn|__warn\w*|warn_slowpath\w*|warn_alloc\w*|warn_bogus\w*`,
    raw`print_tainted|__stack_chk_fail|bust_spinlocks`,
  ],
  'functions of subsystems that report for their callers': [
    raw`assfail|xfs_(?:corruption_error|error_report|do_force_shutdown|asserts?_\w+|buf_corruption_error)`,
    raw`\w*assertfail|_*reiserfs_(?:panic|error|warning)|skb_(?:over|under)_panic|skb_panic|umount_check`,
    raw`bad_irq|__report_bad_irq|note_interrupt|should_fail\w*|should_failslab|fail_dump|__should_fail\w*`,
  ],
  'stack traces and dumps': [
    raw`(?:arch_)?trigger_\w*backtrace\w*|nmi_cpu_backtrace|nmi_trigger_\w+|dump_cpu_task|sched_show_task`,
    raw`show_stack\w*|show_regs|_*dump_stack\w*|dump_backtrace\w*|dump_header`,
    raw`_*unwind_\w+|arch_stack_walk|walk_stackframe|stack_trace_\w+|save_stack\w*`,
  ],
  sanitizers: [
    raw`_*(?:kasan|hwasan|asan|kmsan|msan|kcsan|tsan|kfence|ubsan|check_memory_region)\w*|__sanitizer\w*`,
    raw`print_(?:report|address_description)|end_report|report_addr|write_comp_data|do_tag_\w+`,
    raw`check_(?:region_inline|heap_object|object\w*)|handle_overflow|read_word_at_a_time|__read_once\w*`,
  ],
  'checks of copies (FORTIFY_SOURCE, hardened usercopy)': [
    raw`__check_(?:heap_object|object_size)|_*fortify_(?:panic|report)|__copy_overflow|usercopy_\w+`,
  ],
  'checks of atomic context and preemption': [
    '__might_\\w+|___might_sleep|__schedule_bug|schedule_debug',
    raw`check_preemption_disabled|__this_cpu_preempt_check|debug_smp_processor\w*`,
  ],
  'checks of objects and of DMA': [
    raw`_*debug_(?:object|print_object|check_no_obj|dma)\w*|(?:timer|work)_is_static_object`,
    'dma_map_\\w+|check_unmap|err_printk|kmemleak_\\w+|create_object|object_err|print_trailer',
  ],
  lockdep: [
    raw`lock_(?:acquire|release|is_held\w*)|lock_(?:un)?pin_lock|lockdep_\w+|mark_(?:lock|usage|held)\w*|__lock_\w+`,
    raw`register_lock_class|assign_lock_key|validate_chain|check_prev\w*|valid_state|look_up_lock_class|hlock_class`,
    raw`print_(?:usage_bug|circular_bug|deadlock\w*|unlock_\w+)|check_(?:noncircular|deadlock)|reacquire_held_locks`,
    raw`debug_(?:lockdep|check_no_lock|locks_off)\w*|trace_(?:hard|soft)irqs\w*|find_held_lock`,
  ],
  locks: [
    raw`_*(?:raw_)?(?:spin|read|write)_(?:un)?(?:try)?lock\w*|do_raw_\w+|queued_\w+|native_queued\w*|osq_\w+`,
    raw`spin_(?:bug|dump)|rwlock_bug|_*mutex_\w+|debug_mutex\w*|_*(?:down|up)(?:_read|_write|_trylock)?(?:_\w+)?`,
    raw`rwsem_\w+|rt_mutex_\w+|percpu_down\w*|pv_\w+|__pv_\w+|_*local_bh_\w+|\w*__seqprop\w*`,
    raw`rtnl_lock\w*|reiserfs_write_lock\w*|(?:lock|release)_sock\w*|__task_rq_lock|task_rq_lock`,
  ],
  'sleeping and waking': [
    raw`finish_wait|add_wait_queue|_*wake_up(?:_common|_locked|_sync|_bit|_all|_interruptible)?(?:_lock|_key)?|complete(?:_all)?`,
    raw`_*wait_for_(?:common|completion)\w*|kthread_stop|folio_(?:un)?lock|(?:un)?lock_page`,
  ],
  timers: [
    raw`_*mod_timer\w*|add_timer\w*|_*del_timer\w*|_*timer_delete\w*|_*try_to_del_timer\w*|init_timer_key|lock_timer_base`,
  ],
  workqueues: [
    raw`_*queue_(?:delayed_)?work\w*|mod_delayed_work\w*|insert_work|try_to_grab_pending|(?:drain|destroy)_workqueue`,
    raw`_*flush_(?:delayed_)?work|__flush_work\w*|_*flush_workqueue|_*cancel_(?:delayed_)?work\w*`,
  ],
  'RCU callbacks and SRCU structures': ['_*call_s?rcu\\w*|cleanup_srcu_struct'],
  'reference counts and atomics': [
    raw`_*refcount_\w+|kref_\w+|ref_tracker_\w+|_*atomic_dec_and_\w+`,
    raw`(?:raw_)?atomic(?:64|_long)?_\w+|arch_atomic\w*`,
    raw`_*(?:test_|)(?:set|clear|change|test)_bit\w*|_*test_and_\w+_bit\w*`,
  ],
  containers: [
    raw`_*list_(?:add|del|move)\w*|_*(?:rb|__rb)_\w+|klist_\w+|ida_\w+|idr_\w+|xas_\w+|rhashtable_\w+`,
  ],
  'memory allocation': [
    raw`_*k[vmz]*(?:m|z|c)?alloc\w*|_*kmalloc\w*|krealloc\w*|kvm?alloc\w*|_*kmem_cache_\w+|_*k?v?free(?:_sensitive)?`,
    raw`_*alloc_(?:pages?|frozen)\w*|_*free_pages?(?:_\w+)?|free_large_kmalloc|get_page_from_freelist|bad_page\w*|print_bad_\w+`,
    raw`slab_\w+|allocate_slab|new_slab|___slab_\w+|__slab_\w+|cache_from_obj`,
    raw`_*vmalloc\w*|_*vunmap|__get_free_pages?|_*alloc_skb\w*|__kfree_skb|kfree_skb\w*`,
    raw`_*(?:phys_addr|virt_to_phys|virt_addr_valid)\w*`,
  ],
  'strings and memory': [
    raw`_*(?:memcpy|memset|memmove|memcmp|memchr\w*|str[nlrs]?(?:len|cmp|cpy|cat|chr|scpy|str|dup)|kstrdup\w*)(?:_orig|_erms)?`,
    raw`memdup_\w+|_*(?:raw_)?(?:read|write)[bwlq]|logic_(?:in|out)[bwl]|skb_(?:pull|push|put|trim)`,
  ],
  'copies between kernel and user space': [
    raw`_*(?:raw_)?copy_(?:to|from)_\w+|_*(?:get|put)_user\w*|_*clear_user\w*|(?:simple_|_*)copy_(?:page_)?(?:to|from)_iter\w*`,
  ],
  'checksums and ciphers, which read what they are given': [
    raw`crc\d+\w*|crc_\w+|__crc\w+|(?:crypto|aes|aesti|xts|cbc|ecb|ctr)_(?:\w+_)?(?:en|de)crypt\w*|crypto_shash_\w+|xts_xor_tweak`,
  ],
  printk: [
    raw`_*printk\w*|vprintk\w*|_*dev_(?:warn|err|info|notice|printk)\w*|dev_vprintk_emit|v?s[cn]*n?printf`,
    raw`string_?\w*|hex_string|pointer|va_format|format_decode|hex_dump_to_buffer|print_hex_dump\w*`,
  ],
  tracing: ['perf_trace_\\w+|trace_event_\\w+'],
  'the driver core, on behalf of a driver': [
    raw`_*kobject_\w+|add_uevent_var|(?:get|put)_device|get_device_parent|device_(?:add|del|register|unregister|create|destroy|release|remove_file)`,
    raw`(?:dpm_)?sysfs_\w+|devres_release_\w+|i2c_del_adapter|__unregister_client|proc_(?:register|create\w*)`,
  ],
  'the network core, on behalf of a device': [raw`rollback_registered\w*|unregister_netdev\w*`],
  'the USB core, on behalf of a driver': [
    raw`usb_(?:submit_urb|kill_urb|kill_anchored_urbs|start_wait_urb|control_msg|bulk_msg)`,
  ],
  'the virtual filesystem, on behalf of a filesystem': [
    raw`drop_nlink|mark_buffer_dirty\w*|(?:fast_)?dput|iput`,
  ],
});

/** Functions that sleep: for a task that waits, the title names their caller. */
export const SLEEPING = names({
  'the scheduler': [
    raw`_*schedule\w*|io_schedule\w*|_*preempt_schedule\w*|_*cond_resched|context_switch|__switch_to\w*|__sched_text_start`,
    raw`retint_kernel|irqentry_exit|psi_\w+|arch_local_irq_\w+`,
  ],
  'waiting for an event': [
    raw`_*wait_(?:on|for)_\w+|_*wait_event\w*|do_wait_for_common|prepare_to_wait\w*|_*msleep\w*`,
    raw`jbd2_log_wait_commit|rpc_wait_bit_killable|kthread_stop|usb_start_wait_urb`,
  ],
  'waiting for a page or a bit': [
    raw`_*folio_(?:lock|wait)\w*|_*lock_page\w*|bit_wait\w*|out_of_line_wait\w*|_*filemap_fdatawait\w*|fdatawait_one_bdev`,
    raw`do_read_cache_(?:page|folio)`,
  ],
  'waiting for a lock': [
    raw`_*percpu_(?:down|rwsem)\w*|call_rwsem_\w+|ldsem_\w+|__rt_mutex\w*|__rwsem\w*|down_\w+|_*lock_sock\w*`,
    raw`tty_ldisc_lock\w*|console_lock`,
  ],
  'waiting for the end of works, or of readers': [
    raw`_*cancel_work\w*|_*flush_\w*work\w*|_*synchronize_\w+|__wait_rcu_gp`,
  ],
});

/** Functions of RCU, to be skipped in reports about the use of RCU. */
export const RCU = names({
  'RCU and its checks': [raw`_*s?rcu_\w+|___?rcu\w*|note_context_switch`],
});

/**
 * What a task may wait for that is the same for many callers: the title of a hung task names it, because the
 * callers wait for one that is stuck elsewhere.
 */
export const AWAITED: readonly { functions: RegExp; name: string }[] = [
  {
    name: 'synchronize_rcu',
    functions: names({
      'all end when the readers have left': [
        raw`_*synchronize_(?:s?rcu|sched|net|rcu_bh)(?:_\w+)?|__wait_rcu_gp`,
      ],
    }),
  },
  {
    name: 'rtnl_lock',
    functions: names({ 'one lock for the whole network configuration': [raw`rtnl_lock\w*`] }),
  },
];

/** How a stall is noticed: the innermost functions on the stack of the stalled CPU. */
export const STALL_DETECTION = names({
  'timers and interrupts': [
    raw`\w*(?:timer|hrtimer|tick_|watchdog|softlockup|nmi_|_nmi|apic|clockevent)\w*|update_process_times|sched_tick`,
    raw`irq_\w+|\w+_irq|_*handle_irq\w*|_*handle_\w*irq\w*|_*do_softirq\w*|handle_softirqs|__irq_\w+|common_interrupt|ret_from_intr|call_on_irq_stack|do_interrupt_handler`,
    raw`(?:asm_)?_*sysvec\w*|_*el1\w*|__irq_svc|notify_die|default_do_nmi|asm_call_\w*on_stack|retint_kernel`,
  ],
  'detection and its output': [
    raw`rcu_\w+|__rcu\w*|_?sched_show_task|print_(?:other_)?cpu_stall|check_cpu_stall`,
  ],
});

/** What a CPU does that has nothing to do, or waits without sleeping. */
export const IDLING = names({
  idling: [
    raw`\w*_idle|\w*idle_(?:enter|call|loop)\w*|native_\w*halt|start_secondary|secondary_startup\w*`,
  ],
  'busy waiting': [raw`cpu_relax|delay_\w+|__delay|__const_udelay|csd_\w+`],
  'printing the report': [
    raw`io_serial_\w+|serial8250_\w+|\w*console_(?:write|putchar|unlock|flush\w*)|wait_for_(?:xmitr|lsr)|msg_print_text`,
  ],
  'the beginning of a stack': [raw`start_kernel|arch_call_rest_init|rest_init|x86_64_start\w*`],
});

/**
 * Functions that call one of many: file operations, protocols, works, timers. What they call tells one loop from
 * another, and is the same at whatever point of the loop the stall is noticed.
 */
export const DISPATCHERS = names({
  'system calls': [
    raw`entry_\w+|do_syscall_\w+|do_(?:fast|int80)_syscall\w*|tracesys\w*|sysenter_\w+|el[01]\w*_svc\w*|el0_\w+|invoke_syscall`,
    raw`ret_fast_syscall|syscall_\w+|exit_to_user\w*|do_notify_resume`,
  ],
  'file operations': [
    raw`proc_reg_\w+|full_proxy_\w+|kernfs_fop_(?:read|write)\w*`,
    raw`_*vfs_(?:read|write|readv|writev|iter_\w+|fsync\w*|ioctl)|new_sync_(?:read|write)|do_iter_\w+|do_(?:loop_)?readv?_?writev?\w*`,
    raw`do_vfs_ioctl|ksys_ioctl|(?:compat_)?sys_ioctl|\w+_compat_ioctl|do_dentry_open|__fput|mmap_region|__do_fault|iterate_dir`,
  ],
  mounts: ['mount_fs|legacy_get_tree|vfs_get_tree'],
  'sockets and protocols': [
    raw`sock_(?:sendmsg|common_setsockopt|ioctl|do_ioctl|close)|__sock_release|_*netif_receive_skb_(?:list_)?core`,
    raw`netlink_(?:rcv_skb|dump)|genl_(?:family_)?rcv_msg\w*|(?:rtnetlink|nfnetlink)_rcv_msg`,
  ],
  'timers, softirqs and tasklets': [
    raw`call_timer_fn|_*run_timers?\w*|_*hrtimer_run_\w+|tasklet_action\w*|_*do_softirq\w*|handle_softirqs|irq_exit\w*`,
  ],
  'init functions, and drivers for devices': [
    'do_one_initcall|really_probe|usb_probe_interface|local_pci_probe|platform_probe',
  ],
  'requests of other CPUs': [
    raw`_*flush_smp_call_function_queue|generic_smp_call_function_\w*interrupt`,
  ],
  'works and threads': [
    raw`process_one_work|process_scheduled_works|task_work_run|worker_thread|kthread|cpu_startup_entry|ret_from_fork\w*`,
  ],
});

/** Waiting for other CPUs: the title names that, whatever they are to do. */
export const CROSS_CALL = names({
  'functions that other CPUs are to run': [raw`smp_call_function\w*`],
});
