import { expect, test } from 'vitest';
import { runTool } from '../../src/sys/exec.ts';
import { complaintOf } from '../support/complaint.ts';

const purpose = 'decoding a stack trace';
const sh = (script: string): [string, ...string[]] => ['sh', '-c', script];

test('passes a text as standard input, completely', async () => {
  expect(await runTool(['tr', 'a-z', 'A-Z'], { purpose, input: 'grüße\n' })).toBe('GRüßE');
  expect(await runTool(['wc', '-c'], { purpose, input: 'x'.repeat(1_000_000) })).toBe('1000000');
  expect(await runTool(['wc', '-c'], { purpose, input: '' })).toBe('0');
});

test('a program that does not read all of its input is no failure', async () => {
  const input = 'x'.repeat(1_000_000);
  expect(await runTool(['head', '-c', '3'], { purpose, input })).toBe('xxx');
  expect(await runTool(['true'], { purpose, input })).toBe('');
});

test('a program that takes too long is ended, and that is a failure', async () => {
  const started = performance.now();
  const complaint = await complaintOf(() => runTool(['sleep', '20'], { purpose, timeout: 200 }));
  expect(performance.now() - started).toBeLessThan(10_000);
  expect(complaint).toMatchInlineSnapshot(`
    "rapido: error: decoding a stack trace failed: sleep took longer than 0.2 s
      - command: sleep 20"
  `);
});

test('so are the programs that it started: rapido does not wait for them', async () => {
  const started = performance.now();
  await complaintOf(() => runTool(sh('sleep 9; true'), { purpose, timeout: 200 }));
  expect(performance.now() - started).toBeLessThan(7000);
});

test('a program within its time is not disturbed', async () => {
  expect(await runTool(sh('sleep 0.2; echo done'), { purpose, timeout: 10_000 })).toBe('done');
});
