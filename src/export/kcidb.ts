import { countsAgainstPass } from '../results/counting.ts';
import type { RunResult, TestResult } from '../results/run-result.ts';
import { toPlainLines, toPlainText } from '../ui/plain-text.ts';
import { nameCommand } from './cases.ts';
import { suiteOf } from './suite-name.ts';

/** The version of the schema of KCIDB, https://docs.kernelci.org/kcidb/submitter_guide/ */
const VERSION = { major: 5, minor: 3 };

/** The longest `log_excerpt`, in characters. */
const LONGEST_EXCERPT = 16_384;

/** The CI system that submits, if the user names none. Only letters that an ID of KCIDB may have. */
const DEFAULT_ORIGIN = 'rapido';

/** Whether the text may be the name of a CI system. */
export function isOrigin(text: string): boolean {
  return /^[a-z0-9_]+$/.test(text);
}

type Status = 'FAIL' | 'ERROR' | 'MISS' | 'PASS' | 'SKIP';

interface KcidbTest {
  id: string;
  origin: string;
  build_id: string;
  /** `fstests.xfs.003` */
  path: string;
  status: Status;
  comment?: string;
  /** ISO 8601. */
  start_time?: string;
  /** In seconds. */
  duration?: number;
  log_excerpt?: string;
  environment?: object;
  misc?: object;
}

/**
 * Describes a run for KCIDB, the database of KernelCI: the checkout and the build of the kernel, a test for the whole
 * run, whose path is the name of the suite, one for each of its tests below it, and one for each kernel report.
 * @param origin the name of the CI system that submits
 */
export function describeForKcidb(result: RunResult, origin = DEFAULT_ORIGIN): object {
  const idOf = (name: string): string => `${origin}:${name.replaceAll('\0', '')}`;
  const checkout = describeCheckout(result);
  const checkoutId = idOf(checkout.id);
  const buildId = idOf(buildName(result, checkout.id));
  const link = { origin, build_id: buildId };
  return {
    version: VERSION,
    checkouts: [{ ...checkout, id: checkoutId, origin }],
    builds: [{ id: buildId, origin, checkout_id: checkoutId, ...describeBuild(result) }],
    tests: [
      { id: idOf(result.id), ...link, ...describeRun(result) },
      ...result.tests.map((test, index) => ({
        id: idOf(`${result.id}.${index + 1}`),
        ...link,
        ...describeTest(test, result),
      })),
      ...describeReports(result).map((report, index) => ({
        id: idOf(`${result.id}.report.${index + 1}`),
        ...link,
        ...report,
      })),
    ] satisfies KcidbTest[],
  };
}

interface Checkout {
  id: string;
  valid?: boolean;
  comment?: string;
  git_commit_hash?: string;
  git_commit_name?: string;
  git_repository_branch?: string;
  /** Empty: there were no patches. */
  patchset_hash?: '';
  /** ISO 8601. */
  start_time?: string;
}

/** A tree with local changes is not its commit, so only this run can refer to it. */
function describeCheckout({ id, kernel, started }: RunResult): Checkout {
  const { commit, git, branch, release } = kernel ?? {};
  const isDirty = git?.endsWith('-dirty') === true;
  if (commit === undefined || !/^[0-9a-f]{40}$/.test(commit)) {
    const comment =
      release === undefined ? 'no kernel was chosen' : `kernel ${toPlainText(release)}`;
    return { id: release === undefined ? id : `release-${toPlainText(release)}`, comment };
  }
  return {
    id: isDirty ? `${commit}-${id}` : commit,
    valid: true,
    git_commit_hash: commit,
    ...(git !== undefined && { git_commit_name: toPlainText(git) }),
    ...(branch !== undefined && { git_repository_branch: toPlainText(branch) }),
    ...(isDirty ? { comment: 'the tree had local changes' } : { patchset_hash: '' }),
    start_time: started,
  };
}

/** Runs of the same commit and configuration refer to the same build. */
function buildName({ kernel, id }: RunResult, checkout: string): string {
  return [checkout, kernel?.architecture ?? 'unknown', kernel?.config?.slice(0, 16) ?? id].join(
    '-',
  );
}

function describeBuild({ kernel, times }: RunResult): object {
  const { architecture, config } = kernel ?? {};
  return {
    ...(architecture !== undefined && { architecture: architecture.toLowerCase() }),
    ...(config !== undefined && { misc: { config_sha256: config } }),
    ...(times.build !== undefined && { duration: times.build / 1000 }),
    ...(kernel !== undefined && { status: 'PASS' }),
  };
}

/** The whole run. A harness that failed says nothing about the kernel: MISS. */
function describeRun(result: RunResult): Omit<KcidbTest, 'id' | 'origin' | 'build_id'> {
  const { verdict, reason, started, times, splats } = result;
  const worst = splats.find(countsAgainstPass);
  return {
    path: pathOf(suiteOf(result)),
    status: RUN_STATUS[verdict],
    comment: `${toPlainText(nameCommand(result))}: ${toPlainText(reason)}`,
    start_time: started,
    duration: times.total / 1000,
    ...(worst !== undefined && excerpt(worst.decoded ?? worst.text)),
    ...environmentOf(result),
    misc: { rapido: { verdict, version: result.rapido, times } },
  };
}

const RUN_STATUS = {
  pass: 'PASS',
  fail: 'FAIL',
  crash: 'FAIL',
  splat: 'FAIL',
  timeout: 'ERROR',
  interrupted: 'MISS',
  error: 'MISS',
} as const satisfies Record<RunResult['verdict'], Status>;

function environmentOf({ vm, host, rapido }: RunResult): object {
  if (vm === undefined) return {};
  const { accelerator, cpus, memory } = vm;
  const comment =
    `QEMU (${accelerator}), ${cpus} CPUs, started by rapido ${rapido ?? ''}`.trimEnd();
  return {
    environment: { comment, misc: { accelerator, cpus, memory, host: host?.architecture } },
  };
}

function describeTest(test: TestResult, run: RunResult): Omit<KcidbTest, keyof Link> {
  const { name, status, message, output, start, duration } = test;
  return {
    path: pathOf(suiteOf(run), ...name.split('/')),
    status: TEST_STATUS[status],
    ...(message !== undefined && { comment: toPlainText(message) }),
    ...(start !== undefined && { start_time: timeAt(run, start) }),
    ...(duration !== undefined && { duration: duration / 1000 }),
    ...(output !== undefined && excerpt(output)),
    // The exact name and status, which path and status do not show.
    misc: { rapido: { name: toPlainText(name), status } },
  };
}

type Link = Pick<KcidbTest, 'id' | 'origin' | 'build_id'>;

const TEST_STATUS = {
  pass: 'PASS',
  xpass: 'PASS',
  // The test ran and found what it was expected to find.
  xfail: 'PASS',
  fail: 'FAIL',
  skip: 'SKIP',
  interrupted: 'ERROR',
} as const satisfies Record<TestResult['status'], Status>;

/** Without notes: they are not about the kernel's correctness. */
function describeReports(run: RunResult): Omit<KcidbTest, keyof Link>[] {
  return run.splats
    .filter(({ severity }) => severity !== 'note')
    .map(({ kind, title, text, decoded, start, during, excused, count }) => ({
      path: pathOf('kernel_log', kind),
      status: excused === undefined ? 'FAIL' : 'PASS',
      comment: toPlainText(excused === undefined ? title : `${title} (expected: ${excused})`),
      ...(start !== undefined && { start_time: timeAt(run, start) }),
      ...excerpt(decoded ?? text),
      misc: { rapido: { during, count } },
    }));
}

/** A path of KCIDB: segments of letters, digits, `_` and `-`, joined by dots. */
function pathOf(...segments: readonly string[]): string {
  return segments.map((segment) => segment.replace(/[^a-zA-Z0-9_-]+/g, '_') || '_').join('.');
}

function timeAt({ started }: RunResult, elapsed: number): string {
  return new Date(Date.parse(started) + elapsed).toISOString();
}

function excerpt(text: string): { log_excerpt?: string } {
  const end = toPlainLines(text.slice(-LONGEST_EXCERPT)).trimEnd();
  return end === '' ? {} : { log_excerpt: end };
}
