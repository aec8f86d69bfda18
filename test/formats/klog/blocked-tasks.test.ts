import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  type BlockedTask,
  createBlockedTaskReader,
} from '../../../src/formats/klog/blocked-tasks.ts';
import { stamped } from './scan.ts';

function read(lines: readonly string[]): BlockedTask[] | undefined {
  const reader = createBlockedTaskReader();
  for (const line of lines) reader.push(line);
  return reader.finish();
}

test('each task that sysrq-w shows, with the function in which it waits', () => {
  expect(
    read(
      stamped(
        [
          'sysrq: Show Blocked State',
          'task:touch           state:D stack:0     pid:110   ppid:1      flags:0x00004002',
          'Call Trace:',
          ' <TASK>',
          ' __schedule+0x34d/0xa00',
          ' schedule+0x5a/0xd0',
          ' percpu_rwsem_wait+0x10c/0x130',
          ' __percpu_down_read+0x53/0x80',
          ' mnt_want_write+0x8e/0xa0',
          ' open_last_lookups+0x2f0/0x3b0',
          ' </TASK>',
          'task:kworker/u4:1    state:D stack:    0 pid:   23 ppid:     2 flags:0x00004000',
          'Workqueue: writeback wb_workfn (flush-253:0)',
          'Call Trace:',
          ' schedule+0x5a/0xd0',
          ' io_schedule+0x42/0x70',
          ' foo_wait+0x1/0x2',
          'sysrq: Show backtrace of all active CPUs',
          'sysrq: Show State',
          'task:bash            state:S stack:0     pid:1     ppid:0      flags:0x00000002',
          'Call Trace:',
          ' schedule+0x5a/0xd0',
        ],
        20,
        'C0',
      ),
    ),
  ).toEqual([
    { name: 'touch', pid: 110, function: 'mnt_want_write' },
    { name: 'kworker/u4:1', pid: 23, function: 'foo_wait' },
  ]);
});

test('the format of Linux before 5.10', () => {
  expect(
    read(
      stamped([
        'SysRq : Show Blocked State',
        '  task                        PC stack   pid father',
        'jbd2/vda-8      D    0   107      2 0x80000000',
        'Call Trace:',
        ' ? __schedule+0x286/0x6a0',
        ' schedule+0x36/0x80',
        ' jbd2_journal_commit_transaction+0x242/0x1700',
      ]),
    ),
  ).toEqual([{ name: 'jbd2/vda-8', pid: 107, function: 'jbd2_journal_commit_transaction' }]);
});

test('distinguishes no blocked tasks from no answer', () => {
  expect(read(stamped(['sysrq: Show Blocked State', 'sysrq: Show State']))).toEqual([]);
  expect(read([...stamped(['sysrq: HELP : loglevel(0-9)']), 'sysrq: Show Blocked State'])).toBe(
    undefined,
  );
});

test('what kernels print on request', () => {
  const log = readFileSync(join(import.meta.dirname, 'corpus/real/ok-sysrq-wlmp.log'), 'utf8');
  expect(read(log.split('\n'))).toEqual([]);
});

test('a flood does not fill the memory', () => {
  const tasks = Array.from(
    { length: 5000 },
    (_, at) => `task:a state:D stack:0 pid:${at} ppid:1 flags:0x00000000`,
  );
  expect(read(stamped(['sysrq: Show Blocked State', ...tasks]))).toHaveLength(1000);
});
