/**
 * `npm run bench [-- --only NAME,…] [--runs N] [--json FILE]`: measures rapido and the programs that it uses
 * (Node, dracut, QEMU, cp) alternately, and prints medians, ratios and the spread. Run it on an idle machine.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { architectureOf } from '../src/host/architecture.ts';
import { findKernel, hostKernelSearch } from '../src/host/kernel.ts';
import { HOST_KERNEL } from '../src/host/kernel-choice.ts';
import { probeKvm } from '../src/host/kvm.ts';
import type { Bench } from './bench.ts';
import { CASES } from './cases/index.ts';
import { type Finding, formatReport, isMet, type Report } from './report.ts';
import { CHECKOUT, makeWorkbench } from './workbench.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    runs: { type: 'string', default: '7' },
    json: { type: 'string' },
  },
});

const names = values.only?.split(',') ?? Object.keys(CASES);
const unknown = names.filter((name) => !(name in CASES));
if (unknown.length > 0) {
  console.error(
    `bench: unknown case ${unknown.join(', ')}; the cases are ${Object.keys(CASES).join(', ')}`,
  );
  process.exit(2);
}

/** Shows progress, only on a terminal. */
function showStep(step: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${step}`);
}

const architecture = architectureOf(process.arch);
const kernel = findKernel(HOST_KERNEL, hostKernelSearch(architecture));
const home = makeWorkbench();
const bench: Bench = {
  home,
  runs: Number(values.runs),
  onRun: (name, run) => showStep(`${name}, run ${run}`),
  kernel: { ...kernel, modules: kernel.modules ?? '' },
  accelerator: probeKvm(architecture).usable ? 'kvm' : 'tcg',
};
const findings: Finding[] = [];
try {
  for (const name of names) findings.push(...((await CASES[name]?.(bench)) ?? []));
} finally {
  home.remove();
  showStep('');
}

for (const line of formatReport(findings)) console.log(line);
const report: Report = {
  version: 1,
  date: new Date().toISOString(),
  commit: execFileSync('git', ['describe', '--always', '--dirty'], {
    cwd: CHECKOUT,
    encoding: 'utf8',
  }).trim(),
  machine: {
    cpu: cpus()[0]?.model ?? 'unknown',
    cpus: cpus().length,
    memoryGib: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    node: process.version,
  },
  accelerator: bench.accelerator,
  runs: bench.runs,
  findings,
};
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
const missed = findings.filter((finding) => !isMet(finding)).length;
console.log(missed === 0 ? 'all targets are met' : `targets missed: ${missed}`);
