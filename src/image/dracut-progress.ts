/**
 * dracut's messages for the slow steps, and our text for each. The lines begin with `dracut: ` before dracut 106,
 * and with `dracut[I]: ` since.
 */
const STEPS = [
  [/^Including module: /, 'gathering programs'],
  [/^Resolving (executable dependencies|dependencies for executables)/, 'adding their libraries'],
  [/^Creating image file /, 'writing the archive'],
] as const;

/** The step that starts with this line of dracut's output, as text for the user; undefined if none does. */
export function dracutStep(line: string): string | undefined {
  const [, said] = /^dracut(?:\[I\])?: \*\*\* (.*) \*\*\*$/.exec(line) ?? [];
  if (said === undefined || said.endsWith(' done')) return undefined;
  return STEPS.find(([pattern]) => pattern.test(said))?.[1];
}
