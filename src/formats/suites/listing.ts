/** Programs that run tests, and their options to list them or to explain themselves instead. */
const LISTING: readonly [program: RegExp, options: readonly string[]][] = [
  // xfstests
  [/^(?:.*\/)?(?:fstests-)?check$/, ['-n', '-h', '--help', '-?']],
  // kselftest
  [/^(?:.*\/)?run_kselftest\.sh$/, ['-l', '--list', '-d', '--dry-run', '-h', '--help']],
];

/** Whether a command tells of tests that it does not run: what it prints holds no results. */
export function listsTests([program = '', ...words]: readonly string[]): boolean {
  return LISTING.some(
    ([name, options]) => name.test(program) && words.some((word) => options.includes(word)),
  );
}
