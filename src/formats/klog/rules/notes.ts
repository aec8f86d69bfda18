import { inFunction, plain, type Rule } from './rule.ts';

export const NOTES: readonly Rule[] = [
  {
    kind: 'notice',
    severity: 'note',
    clue: ' printk messages dropped',
    head: /^\*\* \d+ printk messages dropped \*\*/,
    title: plain('the console could not keep up: printk messages dropped'),
    until: 'line',
  },
  {
    kind: 'user-fault',
    severity: 'note',
    clue: ']: segfault ',
    head: /^(?:show_signal_msg: \d+ callbacks suppressed)?(\S.*?)\[\d+\]: segfault (?:at|\()/,
    title: plain('segfault of $1'),
  },
  {
    kind: 'user-fault',
    severity: 'note',
    clue: 'traps: ',
    head: /^traps: (.*?)\[\d+\] (general protection(?: fault)?|trap [\w -]+?|\w[\w -]*?) ip:/,
    title: (head) => `${head[2]?.replace(/^trap /, '')} in user program ${head[1]}`,
  },
  {
    kind: 'user-fault',
    severity: 'note',
    clue: ']: unhandled ',
    head: /^(\S.*?)\[\d+\]: unhandled (exception|signal|trap)/,
    title: plain('unhandled $2 in user program $1'),
  },
  {
    kind: 'user-fault',
    severity: 'note',
    clue: 'potentially unexpected fatal signal',
    head: /^(?:(\S+)\/\d+: )?potentially unexpected fatal signal (\d+)/,
    title: (head) => `fatal signal ${head[2]} in a user program`,
  },
  {
    kind: 'user-fault',
    severity: 'note',
    clue: 'User process fault',
    head: /^User process fault: interruption code/,
    title: plain('fault in a user program'),
  },
  {
    kind: 'io-error',
    severity: 'note',
    clue: 'I/O error',
    head: /^(?:blk_update_request: |print_req_error: |Buffer )?I\/O error,? (?:on )?dev ([\w!/-]+)/,
    title: (head) => `I/O error on ${head[1]}`,
    until: 'line',
  },
  {
    kind: 'io-error',
    severity: 'note',
    clue: 'metadata I/O error',
    head: /^XFS \((\S+)\): metadata I\/O error/,
    title: (head) => `XFS: metadata I/O error on ${head[1]}`,
    until: 'line',
  },
  {
    kind: 'io-error',
    severity: 'note',
    clue: ' errs: wr ',
    head: /^BTRFS (?:error|warning|info) \([^)]*\): bdev (\S+) errs: wr/,
    title: (head) => `BTRFS: errors on ${head[1]}`,
    until: 'line',
  },
  {
    kind: 'io-error',
    severity: 'note',
    clue: 'csum failed',
    head: /^BTRFS (?:error|warning) \(device ([^)]*)\): csum failed/,
    title: (head) => `BTRFS: checksum error on ${head[1]}`,
    until: 'line',
  },
  {
    kind: 'io-error',
    severity: 'note',
    clue: [': Disk failure on ', ': unrecoverable I/O read error'],
    head: /^md\/\w+:\S*: (?:Disk failure on|(\S+): unrecoverable I\/O read error) ?([^\s,]*)/,
    title: ([, read, failed]) =>
      read === undefined
        ? `md: disk failure on ${failed}`
        : `md: unrecoverable I/O error on ${read}`,
    until: 'line',
  },
  {
    kind: 'io-error',
    severity: 'note',
    clue: ['device-mapper: verity: ', 'device-mapper: integrity: ', 'device-mapper: snapshots: '],
    head: /^device-mapper: (\w+): .*(is corrupted|Checksum failed|Corruption detected)/,
    title: plain('device-mapper: $1: wrong data'),
    until: 'line',
  },
  {
    kind: 'io-error',
    severity: 'note',
    clue: 'FILE CORRUPTED!',
    head: /^fs-verity .*: FILE CORRUPTED!/,
    title: plain('fs-verity: wrong data'),
    until: 'line',
  },
  {
    kind: 'io-error',
    severity: 'note',
    clue: '-error on swap-device',
    head: /^(Read|Write)-error on swap-device/,
    title: plain('$1-error on swap-device'),
    until: 'line',
  },
  {
    kind: 'notice',
    severity: 'note',
    clue: 'Page cache invalidation failure on direct I/O',
    head: /^Page cache invalidation failure on direct I\/O/,
    title: plain('page cache invalidation failure on direct I/O'),
    until: 'line',
  },
  {
    kind: 'notice',
    severity: 'note',
    clue: ['Dead loop on virtual device', 'asks to queue packet!', ' is buggy, dev '],
    head: /^(?:(Dead loop on virtual device|Virtual device .* asks to queue packet)|(protocol [0-9a-f]{4} is buggy), dev )/,
    title: ([, device, protocol]) =>
      protocol ??
      (device?.startsWith('Dead')
        ? 'dead loop on virtual device'
        : 'virtual device asks to queue packet'),
    until: 'line',
  },
  {
    kind: 'notice',
    severity: 'note',
    clue: 'NOHZ tick-stop error',
    head: /^NOHZ tick-stop error: (.*? is pending)/,
    title: plain('NOHZ tick-stop error: $1'),
    until: 'line',
  },
  {
    kind: 'taint',
    severity: 'note',
    clue: 'taints kernel',
    head: /^(\S+): (loading out-of-tree module|module license .*|module) taints kernel/,
    title: plain('$1: $2 taints kernel'),
    until: 'line',
  },
  {
    kind: 'notice',
    severity: 'note',
    clue: 'hung task reports are suppressed',
    head: /^Future hung task reports are suppressed/,
    title: plain('further hung tasks are not reported'),
    until: 'line',
  },
  {
    kind: 'clock',
    severity: 'note',
    clue: ' as unstable',
    head: /^(?:clocksource: )?.*Marking clocksource '?(\S+?)'? as unstable/,
    title: (head) => `clocksource ${head[1]} is unstable`,
    until: 'line',
  },
  {
    kind: 'notice',
    severity: 'note',
    clue: 'Emergency Remount',
    head: /^(?:sysrq: )?Emergency Remount/,
    title: plain('emergency remount'),
    until: 'line',
  },
  {
    kind: 'hardware',
    severity: 'note',
    clue: 'unchecked MSR access',
    head: /^unchecked MSR access error: (\w+).*\(([\w.]+)\+0x/,
    title: (head) => `unchecked MSR access (${head[1]}) in ${head[2]}`,
  },
  {
    kind: 'hardware',
    severity: 'note',
    clue: '[Hardware Error]: ',
    head: /^(?:mce: )?\[Hardware Error\]: (?:Machine check|CPU \d+: Machine Check)/i,
    title: plain('machine check'),
  },
  {
    kind: 'fault-injection',
    severity: 'note',
    clue: 'FAULT_INJECTION: ',
    head: /^FAULT_INJECTION: forcing a failure/,
    title: inFunction('injected failure', 'frames'),
  },
  {
    kind: 'trace',
    severity: 'silent',
    clue: 'ysRq',
    head: /^SysRq ?: (?!Emergency)/,
    title: plain('SysRq'),
  },
  {
    kind: 'trace',
    severity: 'silent',
    clue: 'ysrq: ',
    head: /^sysrq: (?!Emergency)/,
    title: plain('SysRq'),
  },
];

/** A stack trace without a report, from `dump_stack()`. Applies only if no splat is open. */
export const BARE_TRACE: Rule = {
  kind: 'trace',
  severity: 'note',
  clue: 'Call ',
  head: /^\s*Call [Tt]race:/,
  title: inFunction('stack trace', 'frames'),
};

/** A task as printed by sched_show_task(): within a splat, or on request by sysrq. */
export const SHOWN_TASK: Rule = {
  kind: 'trace',
  severity: 'silent',
  clue: 'task:',
  head: /^task:\S.* state:/,
  title: plain('a task'),
};
