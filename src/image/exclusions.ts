/**
 * The files of a tree that a cut excludes. A pattern without a slash matches the name of a file or directory
 * anywhere (`.git`, `*.o`); one with a slash matches the path below the root (`doc/*.html`, `/build`). `*`
 * matches any text without a slash.
 */
type Patterns = readonly string[];

/** Returns a function that says whether a file is excluded, by its name and its path below the root, both binary strings. */
export function compileExclusions(patterns: Patterns): (name: string, path: string) => boolean {
  if (patterns.length === 0) return () => false;
  const { names, paths } = sort(patterns);
  const byName = compile(names);
  const byPath = compile(paths);
  return (name, path) => byName(name) || byPath(path);
}

/**
 * The same for find(1), as a POSIX extended regular expression that matches whole paths. In the C locale,
 * find(1) also treats each byte as a character.
 * @param root absolute path of the directory that find searches
 * @returns undefined if nothing is excluded
 */
export function exclusionExpression(root: string, patterns: Patterns): string | undefined {
  const { names, paths } = sort(patterns);
  const alternatives = [
    ...(names.length === 0 ? [] : [`(.*/)?(${names.map(toSource).join('|')})`]),
    ...paths.map(toSource),
  ];
  if (alternatives.length === 0) return undefined;
  return `${escapeSpecial(root === '/' ? '' : root)}/(${alternatives.join('|')})`;
}

function sort(patterns: Patterns): { names: string[]; paths: string[] } {
  const isPath = (pattern: string): boolean => pattern.includes('/');
  return {
    names: patterns.filter((pattern) => !isPath(pattern)),
    paths: patterns.filter(isPath).map((pattern) => pattern.replace(/^\/|\/$/g, '')),
  };
}

/** Combines all patterns into one test, because a tree may have a hundred thousand names. */
function compile(patterns: Patterns): (text: string) => boolean {
  const binary = patterns.map((pattern) => Buffer.from(pattern).toString('latin1'));
  const literal = new Set(binary.filter((pattern) => !pattern.includes('*')));
  const sources = binary.filter((pattern) => pattern.includes('*')).map(toSource);
  if (sources.length === 0) return (text) => literal.has(text);
  const expression = new RegExp(`^(?:${sources.join('|')})$`, 's');
  return (text) => literal.has(text) || expression.test(text);
}

/** A regular expression with the same meaning in JavaScript and in POSIX. */
function toSource(pattern: string): string {
  return pattern.split('*').map(escapeSpecial).join('[^/]*');
}

function escapeSpecial(text: string): string {
  return text.replace(/[.+?^${}()|[\]\\*]/g, '\\$&');
}
