import { describe, expect, test } from 'vitest';
import { scanConsole, stamped } from './scan.ts';

/** The title of the only report in these lines of the kernel. */
function titleOf(...texts: string[]): string {
  const { splats } = scanConsole(stamped(texts, 10, 'C0'));
  expect(splats).toHaveLength(1);
  return splats[0]?.title ?? '';
}

const frames = (...names: string[]): string[] => names.map((name) => ` ${name}+0x1f/0x40`);

/** A warning in the first of these functions; the others are its callers. */
function warningIn(...names: string[]): string[] {
  return [
    '------------[ cut here ]------------',
    `WARNING: CPU: 0 PID: 107 at lib/foo.c:12 ${names[0]}+0x1f/0x40`,
    'CPU: 0 PID: 107 Comm: bash Not tainted 6.1.0 #1',
    `RIP: 0010:${names[0]}+0x1f/0x40`,
    'Call Trace:',
    ' <TASK>',
    ...frames(...names.slice(1)),
    ' </TASK>',
    '---[ end trace 0000000000000000 ]---',
  ];
}

const TO_USER = ['do_syscall_64', 'entry_SYSCALL_64_after_hwframe'];

describe('a function that works for others is not named, but its caller', () => {
  test.each([
    ['panic and WARN()', 'check_panic_on_warn'],
    ['panic and WARN()', 'warn_slowpath_fmt'],
    ['reports of subsystems', 'reiserfs_panic'],
    ['stack traces and dumps', 'dump_cpu_task'],
    ['stack traces and dumps', 'arch_trigger_cpumask_backtrace'],
    ['sanitizers', '__asan_report_load8_noabort'],
    ['checks of copies', 'fortify_panic'],
    ['checks of atomic context', '__this_cpu_preempt_check'],
    ['checks of objects', 'debug_print_object'],
    ['lockdep', 'lock_acquire'],
    ['lockdep', 'hlock_class'],
    ['locks', 'rtnl_lock'],
    ['locks', 'up_write'],
    ['locks', 'lock_sock_nested'],
    ['sleeping and waking', '__wake_up_common'],
    ['sleeping and waking', 'wait_for_completion'],
    ['timers', 'lock_timer_base'],
    ['workqueues', 'queue_delayed_work_on'],
    ['workqueues', '__cancel_work_timer'],
    ['RCU callbacks', '__call_rcu'],
    ['reference counts', 'refcount_warn_saturate'],
    ['reference counts', 'ref_tracker_free'],
    ['containers', 'ida_free'],
    ['containers', 'rhashtable_lookup_fast'],
    ['memory allocation', 'free_large_kmalloc'],
    ['memory allocation', '__free_pages_ok'],
    ['strings and memory', 'memdup_user_nul'],
    ['copies from and to user space', 'copy_page_to_iter'],
    ['checksums', 'crc_itu_t'],
    ['ciphers', 'crypto_skcipher_encrypt'],
    ['printk', 'dev_vprintk_emit'],
    ['the driver core', 'device_del'],
    ['the driver core', 'sysfs_remove_group'],
    ['the network core', 'rollback_registered_many'],
    ['the USB core', 'usb_submit_urb'],
    ['the virtual filesystem', 'drop_nlink'],
  ])('%s: %s', (_, name) => {
    expect(titleOf(...warningIn(name, 'foo_ioctl', ...TO_USER))).toBe('WARNING in foo_ioctl');
    expect(titleOf(...warningIn(`${name}.constprop.0`, name, 'foo_ioctl'))).toBe(
      'WARNING in foo_ioctl',
    );
  });

  test.each([
    'foo_lock_all',
    'update_foo',
    'diet_foo',
    'recomplete',
    'usb_foo',
    'crypto_register_alg',
  ])('a name that is only similar: %s', (name) => {
    expect(titleOf(...warningIn(name, 'foo_ioctl'))).toBe(`WARNING in ${name}`);
  });

  test('if nothing else is known, it is named', () => {
    expect(titleOf(...warningIn('__phys_addr', ...TO_USER))).toBe('WARNING in __phys_addr');
    expect(titleOf('BUG: KASAN: use-after-free in __unwind_start+0x1/0x2')).toBe(
      'KASAN: use-after-free in __unwind_start',
    );
  });

  test('all wrappers of a system call give one name', () => {
    for (const wrapper of [
      '__x64_sys_foo',
      '__se_sys_foo',
      '__do_sys_foo',
      'SyS_foo',
      'SYSC_foo',
    ]) {
      expect(titleOf(...warningIn(wrapper, ...TO_USER))).toBe('WARNING in sys_foo');
    }
    expect(titleOf(...warningIn('compat_SyS_foo', ...TO_USER))).toBe('WARNING in compat_sys_foo');
  });

  test('the condition of a WARN() in front of the file', () => {
    const [cut = '', , ...rest] = warningIn('foo_exit', 'process_one_work');
    const head =
      'WARNING: [time_after(jiffies, timeout)] fs/foo.c:3026 at foo_exit+0x1/0x2, CPU#0: kworker/u8:0/11';
    expect(titleOf(cut, head, ...rest)).toBe('WARNING in foo_exit');
  });
});

describe('the first stack decides', () => {
  test('not that of the panic that follows', () => {
    expect(
      titleOf(
        ...warningIn('kfree', 'foo_release').slice(0, -1),
        'Kernel panic - not syncing: kernel: panic_on_warn set ...',
        'Call Trace:',
        ...frames('dump_stack_lvl', 'panic', 'bar_of_panic'),
      ),
    ).toBe('WARNING in foo_release');
  });

  test('not what an interrupt interrupted', () => {
    expect(
      titleOf(
        'general protection fault: 0000 [#1] SMP PTI',
        'RIP: 0010:__x86_indirect_thunk_rax+0x10/0x20',
        'Call Trace:',
        ' <IRQ>',
        ...frames('foo_timer', 'call_timer_fn', 'run_timer_softirq', '__do_softirq'),
        ' </IRQ>',
        'RIP: 0010:bar_interrupted+0x6/0x10',
        ...frames('bar_read'),
        '---[ end trace c81ff5cb5a158d30 ]---',
      ),
    ).toBe('general protection fault in foo_timer');
  });

  test('not that of the allocation', () => {
    expect(
      titleOf(
        'BUG: KASAN: use-after-free in __lock_acquire+0x1/0x2',
        'Read of size 8 at addr ffff88803b8d8f48 by task a/1',
        'Call Trace:',
        ...frames('dump_stack', 'kasan_report', '__lock_acquire', 'lock_acquire'),
        ' ? doubtful_one+0x1/0x2',
        ...frames('_raw_spin_lock_irq', 'foo_release'),
        'Allocated by task 1:',
        ...frames('kasan_kmalloc', 'foo_open'),
        '==================================================================',
      ),
    ).toBe('KASAN: use-after-free Read in foo_release');
  });

  test('a stack that no line announces, as of KFENCE', () => {
    expect(
      titleOf(
        'BUG: KFENCE: use-after-free read in memcmp+0x57/0x150',
        '',
        'Use-after-free read at 0xffff88823bc8cf68 (in kfence-#69):',
        ...frames('memcmp', 'foo_find', 'foo_apply'),
        '',
        'freed by task 9997:',
        ...frames('foo_put'),
        'CPU: 1 PID: 9991 Comm: a',
        'Call Trace:',
        ...frames('foo_apply'),
        '==================================================================',
      ),
    ).toBe('KFENCE: use-after-free read in foo_find');
  });

  test('an address that may not be a caller counts only if there is no other', () => {
    const oops = (...trace: string[]): string =>
      titleOf('Oops: 0000 [#1] SMP', 'RIP: 0010:kfree+0x1/0x2', 'Call Trace:', ...trace);
    expect(oops(' ? foo_old+0x1/0x2', ' foo_read+0x1/0x2')).toBe('Oops in foo_read');
    expect(oops(' ? foo_old+0x1/0x2', ' vfree+0x1/0x2')).toBe('Oops in foo_old');
  });

  test('the registers and the stack that 32-bit ARM prints are part of an oops', () => {
    const words = '80275518 802a0f18 820a235c 855d9700 00000038 00000001 80000013 851eb85c';
    const dump = Array.from(
      { length: 60 },
      (_, at) => `${(0x1ac0 + at * 32).toString(16)}: ${words}`,
    );
    expect(
      titleOf(
        '8<--- cut here ---',
        'Unable to handle kernel NULL pointer dereference at virtual address 00000000',
        'Internal error: Oops: 207 [#1] PREEMPT SMP ARM',
        'PC is at __queue_work+0xa0/0x74c',
        'Flags: nZCv  IRQs off  FIQs on  Mode SVC_32  ISA ARM  Segment none',
        ...Array.from({ length: 13 }, (_, at) => `Register r${at} information: NULL pointer`),
        'Stack: (0xec3d1ac8 to 0xec3d2000)',
        ...dump,
        'Backtrace: ',
        ' __queue_work from queue_work_on+0x50/0x80',
        ' queue_work_on from foo_send_cmd+0xb4/0x130',
        ' foo_send_cmd from foo_reset_req+0x34/0x64',
        '---[ end trace 0000000000000000 ]---',
      ),
    ).toBe('BUG: kernel NULL pointer dereference in foo_send_cmd');
  });
});

describe('a stall is named by what a dispatcher called', () => {
  const DETECTED = ['rcu_sched_clock_irq', 'update_process_times', 'tick_sched_timer'];
  const INTERRUPT = ['hrtimer_interrupt', '__sysvec_apic_timer_interrupt'];

  /** The stall of a CPU that was in the first of these functions; the others are its callers. */
  function stallIn(...names: string[]): string[] {
    return [
      'rcu: INFO: rcu_sched self-detected stall on CPU',
      'rcu: \t0-....: (105000 ticks this GP) idle=2f6/1/0x4000000000000002 softirq=1/1 fqs=1',
      'NMI backtrace for cpu 0',
      'CPU: 0 PID: 8551 Comm: a.out Not tainted 5.10.0 #47',
      'Call Trace:',
      ' <IRQ>',
      ...frames('dump_stack', 'nmi_cpu_backtrace', 'arch_trigger_cpumask_backtrace'),
      ...frames('rcu_dump_cpu_stacks', ...DETECTED, ...INTERRUPT),
      ' </IRQ>',
      ...frames('asm_sysvec_apic_timer_interrupt'),
      `RIP: 0010:${names[0]}+0xa2/0x9f0`,
      ...frames(...names.slice(1)),
    ];
  }

  test('wherever in the loop it is noticed', () => {
    const within = [
      ['foo_copy', 'foo_write1', 'foo_write'],
      ['lock_release', '__might_fault', '_copy_from_user', 'foo_write'],
      ['foo_write'],
    ];
    for (const names of within) {
      expect(titleOf(...stallIn(...names, 'vfs_write', 'ksys_write', ...TO_USER))).toBe(
        'rcu stall in foo_write',
      );
    }
  });

  test.each([
    ['a system call', ['d_walk', 'do_rmdir', '__x64_sys_rmdir', ...TO_USER], 'sys_rmdir'],
    ['ioctl', ['foo_run', 'foo_ioctl', 'do_vfs_ioctl', 'ksys_ioctl', ...TO_USER], 'foo_ioctl'],
    ['/proc', ['foo_loop', 'foo_write', 'proc_reg_write', 'vfs_write', ...TO_USER], 'foo_write'],
    ['a socket', ['foo_route', 'foo_sendmsg', 'sock_sendmsg', '__sys_sendmsg'], 'foo_sendmsg'],
    ['netlink', ['foo_graft', 'foo_newlink', 'rtnetlink_rcv_msg', 'sock_sendmsg'], 'foo_newlink'],
    ['a packet', ['foo_csum', 'foo_rcv', '__netif_receive_skb_core', 'net_rx_action'], 'foo_rcv'],
    ['a timer', ['foo_join', 'foo_timer', 'call_timer_fn', '__do_softirq'], 'foo_timer'],
    ['a work', ['foo_free', 'foo_timer_work', 'process_one_work', 'kthread'], 'foo_timer_work'],
    ['a thread', ['foo_step', 'foo_thread', 'kthread', 'ret_from_fork'], 'foo_thread'],
    ['a page fault', ['foo_get', 'foo_fault', '__do_fault', 'handle_mm_fault'], 'foo_fault'],
    ['a module', ['foo_run', 'foo_init', 'do_one_initcall', 'do_init_module'], 'foo_init'],
    ['another CPU', ['smp_call_function_many', 'text_poke_bp', 'foo'], 'smp_call_function'],
    ['busy waiting', ['delay_tsc', 'foo_spin', 'foo_write', 'vfs_write'], 'foo_write'],
    ['no dispatcher', ['foo_spin', 'foo_outer'], 'foo_spin'],
  ])('%s', (_, names, wanted) => {
    expect(titleOf(...stallIn(...names))).toBe(`rcu stall in ${wanted}`);
  });

  test('an idle CPU names nothing', () => {
    expect(titleOf(...stallIn('native_safe_halt', 'default_idle', 'do_idle'))).toBe('rcu stall');
  });

  test('soft and hard lockups', () => {
    const names = ['foo_loop', 'foo_ioctl', 'do_vfs_ioctl', ...TO_USER];
    const rest = ['RIP: 0010:foo_step+0x1/0x2', 'Call Trace:', ...frames(...names)];
    expect(titleOf('watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [a:1]', ...rest)).toBe(
      'soft lockup in foo_ioctl',
    );
    expect(titleOf('watchdog: Watchdog detected hard LOCKUP on cpu 3', ...rest)).toBe(
      'hard lockup in foo_ioctl',
    );
  });

  test('the stack of another CPU than the one on which the kthread of RCU last ran', () => {
    expect(
      titleOf(
        'rcu: INFO: rcu_sched detected stalls on CPUs/tasks:',
        'rcu: rcu_sched kthread starved for 10500 jiffies! g989 f0x0 RCU_GP_WAIT_FQS(5)',
        'rcu: RCU grace-period kthread stack dump:',
        'task:rcu_sched       state:R  running task     stack:    0 pid:   13',
        'Call trace:',
        ...frames('__switch_to', '__schedule', 'rcu_gp_kthread', 'kthread'),
        'rcu: Stack dump where RCU GP kthread last ran:',
        'Task dump for CPU 0:',
        'task:bystander       state:R  running task     stack:    0 pid: 1432',
        'Call trace:',
        ...frames('bystander_read', 'vfs_read'),
        'Task dump for CPU 1:',
        'task:a               state:R  running task     stack:    0 pid: 1429',
        'Call trace:',
        ...frames(
          'foo_step',
          'foo_recvmsg',
          'do_recvmmsg',
          '__arm64_sys_recvmmsg',
          'invoke_syscall',
        ),
      ),
    ).toBe('rcu stall in sys_recvmmsg');
  });

  test('a reader that was preempted', () => {
    expect(
      titleOf(
        'rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:',
        'rcu: \tTasks blocked on level-0 rcu_node (CPUs 0-1): P9/1:b..l',
        'task:a               state:R  running task     stack:    0 pid:    9',
        'Call Trace:',
        ...frames('__schedule', 'preempt_schedule_irq', 'irqentry_exit'),
        'RIP: 0010:lock_acquire+0x1ef/0x740',
        ...frames('foo_find', 'foo_read_iter', 'vfs_read', 'ksys_read', ...TO_USER),
        'NMI backtrace for cpu 1',
        'Call Trace:',
        ...frames('bystander', 'vfs_write'),
      ),
    ).toBe('rcu stall in foo_read_iter');
  });

  test('on 32-bit ARM, with the registers in the middle of the stack', () => {
    expect(
      titleOf(
        'rcu: INFO: rcu_sched self-detected stall on CPU',
        'NMI backtrace for cpu 1',
        'Backtrace: ',
        '[<80de7abc>] (dump_stack) from [<807a02bc>] (nmi_cpu_backtrace+0x170/0x20c)',
        '[<807bcea0>] (gic_handle_irq) from [<80100b30>] (__irq_svc+0x70/0x98)',
        'Exception stack(0x83711dd0 to 0x83711e18)',
        '1dc0:                                     80ffa650 0000009c 00000000 00040000',
        '1de0: 0000009c 00000000 ffffe000 83710000 80ffa650 80e948a8 80ffa650 83711e54',
        '[<80100ac0>] (__irq_svc) from [<8034d678>] (do_foo_setsockopt+0x0/0x4)',
        '[<8034d678>] (do_foo_setsockopt) from [<8034d700>] (foo_setsockopt+0x10/0x20)',
        '[<8034d6f0>] (foo_setsockopt) from [<8034d800>] (sock_common_setsockopt+0x28/0x30)',
        '[<8034d7f0>] (sock_common_setsockopt) from [<8034d900>] (sys_setsockopt+0x8/0x10)',
      ),
    ).toBe('rcu stall in foo_setsockopt');
  });
});

describe('a stack that overflowed', () => {
  const overflow = (...names: string[]): string =>
    titleOf(
      'BUG: TASK stack guard page was hit at 00000000eb8d9477 (stack is 00000000e4ab7e03..00000000727972b9)',
      'stack guard page: 0000 [#1] PREEMPT SMP NOPTI',
      `RIP: 0010:${names[0]}+0x45/0x80`,
      'Call Trace:',
      ...frames(...names.slice(1)),
      '---[ end trace 0000000000000000 ]---',
    );

  test('is named by the function that calls itself', () => {
    const names = ['memset', 'foo_recurse', 'foo_recurse', 'foo_recurse', 'foo_write', 'vfs_write'];
    expect(overflow(...names)).toBe('stack guard page was hit in foo_recurse');
  });

  test('is named by where a recursion of several functions began', () => {
    const round = ['foo_event', 'notifier_call_chain', 'foo_update'];
    const names = ['kfree', ...round, ...round, ...round, 'foo_newlink', 'rtnetlink_rcv_msg'];
    expect(overflow(...names)).toBe('stack guard page was hit in foo_newlink');
  });

  test('and is found by the scheduler', () => {
    expect(
      titleOf(
        'Kernel panic - not syncing: corrupted stack end detected inside scheduler',
        'Call Trace:',
        ...frames('dump_stack', 'panic', '__schedule', 'schedule', 'schedule_timeout'),
        ...frames('__alloc_pages', 'foo_writepages', 'foo_workfn', 'process_one_work'),
      ),
    ).toBe('corrupted stack end in foo_workfn');
  });
});

describe('a hung task is named by what it waits for', () => {
  const hung = (...names: string[]): string =>
    titleOf(
      'INFO: task a:18088 blocked for more than 143 seconds.',
      '      Not tainted 6.1.0 #1',
      'task:a               state:D stack:25960 pid:18088 ppid:15126  flags:0x00000000',
      'Call Trace:',
      ' <TASK>',
      ...frames(...names),
      ' </TASK>',
      'Showing all locks held in the system:',
      '1 lock held by khungtaskd/41:',
      'NMI backtrace for cpu 1',
      'Call Trace:',
      ...frames('dump_stack', 'nmi_cpu_backtrace', 'watchdog', 'kthread'),
    );

  test.each([
    [['__mutex_lock', 'mutex_lock_nested', 'rtnl_lock', 'foo_work'], 'rtnl_lock'],
    [['synchronize_rcu_expedited', 'synchronize_net', 'foo_release'], 'synchronize_rcu'],
    [['schedule_timeout', 'wait_for_completion', '__wait_rcu_gp', 'foo_exit'], 'synchronize_rcu'],
    [['wait_for_completion', '__synchronize_srcu', 'foo_work'], 'synchronize_rcu'],
    [['schedule_preempt_disabled', '__mutex_lock', 'foo_open', 'bar_open'], 'foo_open'],
    [['wait_for_completion', '__flush_work', '__cancel_work_timer', 'foo_close'], 'foo_close'],
    [['io_schedule', 'folio_wait_bit_common', '__filemap_fdatawait_range', 'foo_sync'], 'foo_sync'],
    [['wait_for_completion_timeout', 'usb_start_wait_urb', 'usb_control_msg', 'foo'], 'foo'],
  ])('%s', (names, wanted) => {
    expect(hung('__schedule', 'schedule', ...names, ...TO_USER)).toBe(
      `INFO: task hung in ${wanted}`,
    );
  });

  test('what is above the scheduler on its stack is left from before', () => {
    expect(hung('__rela_dyn_start', '__switch_to', '__schedule', 'schedule', 'foo_read')).toBe(
      'INFO: task hung in foo_read',
    );
  });

  test('never by the thread that found it', () => {
    expect(hung('__schedule', 'schedule', 'do_syscall_64')).toBe('INFO: task hung');
  });
});

describe('locks and pages', () => {
  const RULE = '-------------------------------------';

  test.each([
    ['WARNING: a/6054 still has locks held!', 'still has locks held'],
    ['[ BUG: a/31761 still has locks held! ]', 'still has locks held'],
    ['WARNING: held lock freed!', 'held lock freed'],
    ['WARNING: lock held when returning to user space!', 'lock held when returning to user space'],
  ])('%s is named by where the lock was taken', (head, words) => {
    expect(
      titleOf(
        head,
        '6.1.0 #1 Not tainted',
        RULE,
        '2 locks held by a/6054:',
        ' #0: 000000009ccdb9e0 (&foo->mutex){+.+.}, at: foo_take.part.0+0x53/0x120',
        ' #1: 000000009ccdb9e1 (&bar->mutex){+.+.}, at: bar_take+0x53/0x120',
        'stack backtrace:',
        'Call Trace:',
        ...frames('dump_stack', 'debug_check_no_locks_held', 'do_exit_of_all'),
      ),
    ).toBe(`${words} in foo_take`);
  });

  test('a lock that nobody took is named by who releases it', () => {
    expect(
      titleOf(
        '[ BUG: bad unlock balance detected! ]',
        '4.9.65 #95 Not tainted',
        RULE,
        'a/1081 is trying to release lock (foo_lock) at:',
        '[<ffffffff834dea24>] foo_seq_stop+0xe4/0x140',
        'but there are no more locks to release!',
        'stack backtrace:',
        'Call Trace:',
        ' [<ffffffff838a9745>] entry_SYSCALL_64_fastpath+0x23/0xc6',
      ),
    ).toBe('bad unlock balance in foo_seq_stop');
  });

  test('a damaged page is named by whoever allocated it, if the kernel knows', () => {
    const report = (...owner: string[]): string =>
      titleOf(
        'BUG: Bad page state in process a  pfn:7deea',
        'page: refcount:0 mapcount:0 mapping:0000000000000000 index:0x2e pfn:0x7deea',
        'page dumped because: PAGE_FLAGS_CHECK_AT_FREE flag(s) set',
        ...owner,
        'Modules linked in:',
        'CPU: 1 PID: 5098 Comm: a',
        'Call Trace:',
        ...frames('dump_stack_lvl', 'bad_page', 'free_unref_folios', 'bystander_free'),
      );
    expect(report()).toBe('BUG: Bad page state in bystander_free');
    expect(
      report(
        'page_owner tracks the page as allocated',
        'page last allocated via order 0, migratetype Unmovable, gfp_mask 0x40c40(GFP_NOFS)',
        ...frames('post_alloc_hook', 'get_page_from_freelist', '__alloc_pages', 'foo_get_page'),
        'page last free pid 1 tgid 1 stack trace:',
        ...frames('__free_pages', 'bar_free'),
      ),
    ).toBe('BUG: Bad page state in foo_get_page');
  });

  test('a caller that is a check itself', () => {
    expect(
      titleOf(
        'BUG: using __this_cpu_add() in preemptible [00000000] code: a/10076',
        'caller is __this_cpu_preempt_check+0x1c/0x20',
        'Call Trace:',
        ...frames(
          'dump_stack',
          'check_preemption_disabled',
          '__this_cpu_preempt_check',
          'foo_init',
        ),
      ),
    ).toBe('BUG: using __this_cpu_add() in preemptible code in foo_init');
  });
});
