/** Test runners, and their options that list tests or print help. */
const LISTING: readonly [program: RegExp, options: readonly string[]][] = [
  // xfstests
  [/^(?:.*\/)?(?:fstests-)?check$/, ['-n', '-h', '--help', '-?']],
  // kselftest
  [/^(?:.*\/)?run_kselftest\.sh$/, ['-l', '--list', '-d', '--dry-run', '-h', '--help']],
];

/** Whether a command only lists tests or prints help: its output contains no results. */
export function listsTests([program = '', ...words]: readonly string[]): boolean {
  return LISTING.some(
    ([name, options]) => name.test(program) && words.some((word) => options.includes(word)),
  );
}
