import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { parse } from 'junit2json';
import { describe, expect, test } from 'vitest';
import { formatJunit } from '../../src/export/junit.ts';
import type { RunResult, RunSplat } from '../../src/results/run-result.ts';
import { CHECKOUT } from '../support/workspace.ts';
import { someResult, someText } from './samples.ts';

const RESULT: RunResult = {
  version: 1,
  id: '20261123-021557-simple-example-3f2a',
  verdict: 'pass',
  status: 0,
  reason: 'the command succeeded',
  cut: 'simple-example',
  command: { arguments: ['./check', '-g', 'quick'] },
  commandStatus: 0,
  autorun: [],
  kernel: { release: '6.18.0-rc1+', image: 'arch/x86/boot/bzImage', git: 'v6.18-rc1-3-gabc' },
  vm: { accelerator: 'kvm', cpus: 2, memory: 536_870_912, qemu: ['qemu-system-x86_64'] },
  started: '2026-11-23T02:15:57.123Z',
  times: {
    build: undefined,
    cut: 350,
    boot: 1200,
    autorun: 80,
    command: 2500,
    powerOff: 100,
    total: 4230,
  },
  tests: [],
  splats: [],
  notes: [],
};

const WARNING: RunSplat = {
  kind: 'warning',
  severity: 'error',
  title: 'WARNING in foo_bar',
  count: 2,
  text: 'WARNING: CPU: 0 PID: 1 at fs/foo.c:12 foo_bar+0x12/0x30',
  during: 'generic/001',
};

const SILENT = { stdout: '', stderr: '' };

function junitOf(result: Partial<RunResult>, output = SILENT): string {
  return formatJunit({ ...RESULT, ...result }, output);
}

/** Names of the cases that a CI would show as red. */
async function redCases(xml: string): Promise<string[]> {
  const { testsuite = [] } = (await parse(xml)) as { testsuite?: Record<string, unknown>[] };
  const cases = testsuite.flatMap((suite) => suite.testcase as Record<string, unknown>[]);
  return cases.filter((one) => 'failure' in one || 'error' in one).map((one) => one.name as string);
}

test('a command without tests of its own is one test case', () => {
  const xml = junitOf(
    { autorun: [{ script: 'simple-example.sh', status: 0 }] },
    { stdout: 'hello\n', stderr: '' },
  );
  expect(xml).toMatchInlineSnapshot(`
    "<?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="rapido simple-example" tests="2" failures="0" errors="0" skipped="0" time="4.230">
      <testsuite name="simple-example" tests="1" failures="0" errors="0" skipped="0" time="2.500" timestamp="2026-11-23T02:15:57" hostname="20261123-021557-simple-example-3f2a">
        <properties>
          <property name="run" value="20261123-021557-simple-example-3f2a"/>
          <property name="verdict" value="pass"/>
          <property name="cut" value="simple-example"/>
          <property name="kernel.release" value="6.18.0-rc1+"/>
          <property name="kernel.image" value="arch/x86/boot/bzImage"/>
          <property name="kernel.git" value="v6.18-rc1-3-gabc"/>
          <property name="accelerator" value="kvm"/>
          <property name="cpus" value="2"/>
          <property name="memory" value="536870912"/>
        </properties>
        <testcase name="./check -g quick" classname="simple-example" time="2.500"/>
        <system-out>hello
    </system-out>
      </testsuite>
      <testsuite name="autorun" tests="1" failures="0" errors="0" skipped="0" time="0.080" timestamp="2026-11-23T02:15:57" hostname="20261123-021557-simple-example-3f2a">
        <testcase name="simple-example.sh" classname="autorun" time="0.080"/>
      </testsuite>
    </testsuites>
    "
  `);
});

test('without a command, the case is the autorun scripts', () => {
  expect(junitOf({ command: undefined, commandStatus: undefined })).toContain(
    '<testcase name="autorun" classname="simple-example" time="0.080"/>',
  );
});

test('shows a script and a shell text as they were given', () => {
  expect(junitOf({ command: { shell: 'a && b' } })).toContain('<testcase name="a &amp;&amp; b"');
  expect(junitOf({ command: { script: '/home/me/x.sh' } })).toContain('name="/home/me/x.sh"');
});

test('each test is a case: passed, failed, skipped, failed as expected, interrupted', () => {
  const xml = junitOf({
    verdict: 'fail',
    commandStatus: 1,
    tests: [
      { name: 'net/tls/splice', status: 'pass', duration: 1234 },
      { name: 'net/tls/recv', status: 'fail', message: 'exit=1', output: 'Expected 1 == 2' },
      { name: 'net/tls/rekey', status: 'skip', message: 'no kernel support' },
      { name: 'net/tls/old', status: 'xfail', message: 'bug 12' },
      { name: 'net/tls/new', status: 'xpass' },
      { name: 'net/tls/last', status: 'interrupted', message: 'it was running: got SIGINT' },
    ],
  });
  expect(xml.slice(xml.indexOf('<testcase'), xml.indexOf('</testsuite>'))).toMatchInlineSnapshot(`
    "<testcase name="net/tls/splice" classname="simple-example" time="1.234"/>
        <testcase name="net/tls/recv" classname="simple-example" time="0.000">
          <failure message="exit=1" type="fail">Expected 1 == 2</failure>
        </testcase>
        <testcase name="net/tls/rekey" classname="simple-example" time="0.000">
          <skipped message="no kernel support"/>
        </testcase>
        <testcase name="net/tls/old" classname="simple-example" time="0.000">
          <skipped message="failed as expected: bug 12"/>
        </testcase>
        <testcase name="net/tls/new" classname="simple-example" time="0.000"/>
        <testcase name="net/tls/last" classname="simple-example" time="0.000">
          <error message="it was running: got SIGINT" type="interrupted"/>
        </testcase>
      "
  `);
});

test('autorun scripts and splats have suites of their own', () => {
  const xml = junitOf({
    verdict: 'fail',
    reason: 'autorun/b.sh failed',
    autorun: [
      { script: 'a.sh', status: 0 },
      { script: 'b.sh', status: 3 },
    ],
    splats: [
      WARNING,
      { ...WARNING, title: 'WARNING in old', excused: 'known since 6.12', count: 1 },
      { ...WARNING, title: 'a note', severity: 'note' },
    ],
  });
  expect(xml.slice(xml.indexOf('  <testsuite name="autorun"'))).toMatchInlineSnapshot(`
    "  <testsuite name="autorun" tests="2" failures="1" errors="0" skipped="0" time="0.080" timestamp="2026-11-23T02:15:57" hostname="20261123-021557-simple-example-3f2a">
        <testcase name="a.sh" classname="autorun" time="0.000"/>
        <testcase name="b.sh" classname="autorun" time="0.000">
          <failure message="exit status 3" type="status"/>
        </testcase>
      </testsuite>
      <testsuite name="kernel log" tests="3" failures="1" errors="0" skipped="1" time="0.000" timestamp="2026-11-23T02:15:57" hostname="20261123-021557-simple-example-3f2a">
        <testcase name="WARNING in foo_bar" classname="kernel log" time="0.000">
          <failure message="WARNING in foo_bar, during generic/001, 2 times" type="warning">WARNING: CPU: 0 PID: 1 at fs/foo.c:12 foo_bar+0x12/0x30</failure>
        </testcase>
        <testcase name="WARNING in old" classname="kernel log" time="0.000">
          <skipped message="known since 6.12"/>
          <system-out>WARNING: CPU: 0 PID: 1 at fs/foo.c:12 foo_bar+0x12/0x30</system-out>
        </testcase>
        <testcase name="a note" classname="kernel log" time="0.000">
          <system-out>WARNING: CPU: 0 PID: 1 at fs/foo.c:12 foo_bar+0x12/0x30</system-out>
        </testcase>
      </testsuite>
    </testsuites>
    "
  `);
});

describe('has a failure if and only if the verdict is not pass', () => {
  test.each(['crash', 'timeout', 'error', 'interrupted'] as const)(
    '%s is an error in a case that names what ran, though all tests passed',
    async (verdict) => {
      const tests = [{ name: 'a', status: 'pass' as const }];
      const xml = junitOf({ verdict, reason: 'because', commandStatus: undefined, tests });
      expect(xml).toContain(`<error message="because" type="${verdict}"/>`);
      expect(await redCases(xml)).toEqual([`./check -g quick (${verdict})`]);
    },
  );

  test('for a command that failed though its tests passed', async () => {
    const tests = [{ name: 'a', status: 'pass' as const }];
    const xml = junitOf({ verdict: 'fail', reason: 'exit status 2', commandStatus: 2, tests });
    expect(await redCases(xml)).toEqual(['./check -g quick (fail)']);
  });

  test('a splat does not hide that the command failed as well', async () => {
    const tests = [{ name: 'a', status: 'pass' as const }];
    const xml = junitOf({ verdict: 'fail', commandStatus: 2, tests, splats: [WARNING] });
    expect(await redCases(xml)).toEqual(['./check -g quick (fail)', 'WARNING in foo_bar']);
  });

  test('for a splat alone', async () => {
    expect(await redCases(junitOf({ verdict: 'splat', splats: [WARNING] }))).toEqual([
      'WARNING in foo_bar',
    ]);
  });

  test('what does not count against a passed run is skipped, with the reason', () => {
    const xml = junitOf({ autorun: [{ script: 'a.sh', status: 1 }] });
    expect(xml).toContain('<skipped message="does not fail the run: the command succeeded"/>');
  });

  test('for any result', async () => {
    await fc.assert(
      fc.asyncProperty(someResult, async (result) => {
        const red = await redCases(formatJunit(result, SILENT));
        expect(red.length > 0).toBe(result.verdict !== 'pass');
      }),
      { numRuns: 200 },
    );
  });
});

describe('names are unique, as GitLab counts only the first of two', () => {
  const namesOf = (xml: string): string[] =>
    [...xml.matchAll(/<testcase name="([^"]*)" classname="([^"]*)"/g)].map(
      ([, name, suite]) => `${suite}: ${name}`,
    );

  test('a number is added to the later ones, unless it is another name', () => {
    const tests = ['a', 'a (2)', 'a', 'a'].map((name) => ({ name, status: 'pass' as const }));
    expect(namesOf(junitOf({ tests }))).toEqual([
      'simple-example: a',
      'simple-example: a (2)',
      'simple-example: a (3)',
      'simple-example: a (4)',
    ]);
  });

  test('also if they differ only in characters that XML cannot contain', () => {
    const tests = ['a\x01', 'a\x02'].map((name) => ({ name, status: 'pass' as const }));
    const names = namesOf(junitOf({ tests }));
    expect(new Set(names).size).toBe(2);
  });

  test('for any result', () => {
    fc.assert(
      fc.property(someResult, (result) => {
        const names = namesOf(formatJunit(result, SILENT));
        expect(new Set(names).size).toBe(names.length);
      }),
    );
  });
});

test('a failed test always has a message', async () => {
  const tests = ['', ' ', undefined].map((message, index) => ({
    name: `t${index}`,
    status: 'fail' as const,
    message,
  }));
  const xml = junitOf({ verdict: 'fail', commandStatus: 1, tests });
  expect(
    xml.match(/<failure message="it failed, and the test suite gave no reason"/g),
  ).toHaveLength(3);
});

describe('the report has at most 30 MB', () => {
  const many = (count: number, output: string): RunResult['tests'] =>
    Array.from({ length: count }, (_, index) => ({
      name: `t/${index}`,
      status: index % 10 === 0 ? ('fail' as const) : ('pass' as const),
      message: 'why',
      output,
    }));

  test('outputs are shortened first', () => {
    const tests = many(200, '&'.repeat(16_000));
    const xml = formatJunit({ ...RESULT, verdict: 'fail', tests }, SILENT, 3_000_000);
    expect(Buffer.byteLength(xml)).toBeLessThan(3_000_000);
    expect(xml.match(/<testcase /g)).toHaveLength(200);
    expect(xml).toContain('characters are omitted]\n&amp;&amp;');
  });

  test('then tests that did not fail are left out', async () => {
    const tests = many(2000, 'x');
    const xml = formatJunit({ ...RESULT, verdict: 'fail', tests }, SILENT, 100_000);
    expect(Buffer.byteLength(xml)).toBeLessThan(100_000);
    const red = await redCases(xml);
    expect(red[0]).toBe('t/0');
    expect(xml).toContain(`name="${2000 - red.length} more cases: the report would be too large"`);
  });

  test('whatever the guest chooses as names and messages', () => {
    const tests = Array.from({ length: 100 }, (_, index) => ({
      name: `${index}${'"'.repeat(100_000)}`,
      status: 'fail' as const,
      message: '<'.repeat(100_000),
    }));
    const xml = formatJunit({ ...RESULT, verdict: 'fail', tests }, SILENT, 200_000);
    expect(Buffer.byteLength(xml)).toBeLessThan(200_000);
  });
});

test('truncates output to its last 64 KiB', () => {
  const xml = junitOf({}, { stdout: `start${'x'.repeat(70_000)}end`, stderr: '' });
  expect(xml).not.toContain('start');
  expect(xml).toContain('<system-out>[the first 4472 characters are omitted]\nxxx');
  expect(xml).toContain('xxxend</system-out>');
});

test('removes colours, replaces what XML cannot contain by \\ufffd, and escapes markup', async () => {
  const stdout = '\x1b[31mred\x1b[0m \x00\x08\ud800 ]]> <b> & "q" \uffff \u{1f427} a\r\nb\rc';
  const xml = junitOf({}, { stdout, stderr: '' });
  expect(xml).toContain(
    '<system-out>red \ufffd\ufffd\ufffd ]]&gt; &lt;b&gt; &amp; &quot;q&quot; \ufffd \u{1f427} a\nb&#13;c</system-out>',
  );
  expect(await redCases(xml)).toEqual([]);
});

test('a run that failed before there was a VM is an error', async () => {
  const nothing = { kernel: undefined, vm: undefined, commandStatus: undefined };
  const xml = junitOf({ ...nothing, verdict: 'error', reason: 'no such cut', status: 125 });
  expect(await redCases(xml)).toEqual(['./check -g quick (error)']);
  expect(xml).not.toMatch(/kernel\.|accelerator|undefined/);
});

test('line ends in a name are kept', async () => {
  const xml = junitOf({ verdict: 'fail', command: { shell: 'a\nb' }, commandStatus: 1 });
  expect(await redCases(xml)).toEqual(['a\nb']);
});

test('another reader finds the same counts', async () => {
  const tests = [
    { name: 'a', status: 'pass' as const },
    { name: 'b', status: 'fail' as const },
    { name: 'c', status: 'skip' as const },
  ];
  const xml = junitOf({ verdict: 'fail', commandStatus: 1, tests, splats: [WARNING] });
  expect(await parse(xml)).toMatchObject({
    name: 'rapido simple-example',
    tests: 4,
    failures: 2,
    errors: 0,
    skipped: 1,
    time: 4.23,
    testsuite: [
      { name: 'simple-example', tests: 3, failures: 1, time: 2.5 },
      { name: 'kernel log', tests: 1, failures: 1 },
    ],
  });
});

describe('the schema of CI servers', () => {
  const missing = spawnSync('xmllint', ['--version']).error?.message;

  // In CI, a check that is not possible is a failure; elsewhere it is a line in the report.
  test.skipIf(missing !== undefined && process.env.CI !== 'true')(
    `holds for any result${missing === undefined ? '' : ` (xmllint of libxml2-utils: ${missing})`}`,
    () => {
      expect(missing).toBeUndefined();
      const results = fc.sample(someResult, { numRuns: 60 });
      const texts = fc.sample(someText, { numRuns: 60 });
      for (const [at, result] of results.entries()) {
        const xml = formatJunit(result, { stdout: texts[at]!, stderr: texts[at]! });
        const lint = spawnSync(
          'xmllint',
          ['--noout', '--nonet', '--schema', `${CHECKOUT}/test/export/junit.xsd`, '-'],
          { input: xml, encoding: 'utf8' },
        );
        expect({ status: lint.status, complaints: lint.stderr, xml }).toEqual({
          status: 0,
          complaints: '- validates\n',
          xml,
        });
      }
    },
  );
});
