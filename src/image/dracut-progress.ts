/**
 * What dracut says of the steps that take time, and what we say of them. Before 106 its lines begin with `dracut: `,
 * since then with `dracut[I]: `.
 */
const STEPS = [
  [/^Including module: /, 'gathering programs'],
  [/^Resolving (executable dependencies|dependencies for executables)/, 'adding their libraries'],
  [/^Creating image file /, 'writing the archive'],
] as const;

/** The step that begins with a line of dracut's, in our words; undefined: none does. */
export function dracutStep(line: string): string | undefined {
  const [, said] = /^dracut(?:\[I\])?: \*\*\* (.*) \*\*\*$/.exec(line) ?? [];
  if (said === undefined || said.endsWith(' done')) return undefined;
  return STEPS.find(([pattern]) => pattern.test(said))?.[1];
}
