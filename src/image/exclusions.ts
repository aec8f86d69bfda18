/**
 * What a cut leaves out of a tree. A pattern without a slash is about the name of a file or directory
 * anywhere (`.git`, `*.o`), one with a slash about the path below the root (`doc/*.html`, `/build`). `*`
 * stands for anything but a slash.
 */
type Patterns = readonly string[];

/** Tells of a name and its path below the root, both binary strings, whether they are left out. */
export function compileExclusions(patterns: Patterns): (name: string, path: string) => boolean {
  if (patterns.length === 0) return () => false;
  const { names, paths } = sort(patterns);
  const byName = compile(names);
  const byPath = compile(paths);
  return (name, path) => byName(name) || byPath(path);
}

/**
 * The same for find(1), as a POSIX extended regular expression of whole paths. In the C locale a
 * character is a byte there, too.
 * @param root the directory that find is given, absolute
 * @returns undefined where nothing is left out
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

/** One look for all patterns: a tree may have a hundred thousand names. */
function compile(patterns: Patterns): (text: string) => boolean {
  const binary = patterns.map((pattern) => Buffer.from(pattern).toString('latin1'));
  const literal = new Set(binary.filter((pattern) => !pattern.includes('*')));
  const sources = binary.filter((pattern) => pattern.includes('*')).map(toSource);
  if (sources.length === 0) return (text) => literal.has(text);
  const expression = new RegExp(`^(?:${sources.join('|')})$`, 's');
  return (text) => literal.has(text) || expression.test(text);
}

/** A regular expression that is the same to JavaScript and to POSIX. */
function toSource(pattern: string): string {
  return pattern.split('*').map(escapeSpecial).join('[^/]*');
}

function escapeSpecial(text: string): string {
  return text.replace(/[.+?^${}()|[\]\\*]/g, '\\$&');
}
