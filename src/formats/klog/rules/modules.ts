import { plain, type Rule } from './rule.ts';

/**
 * The kernel rejects a module that was built for another kernel (kernel/module/main.c, version.c). This is
 * only a note, because a test may do it on purpose.
 */
export const MODULES: readonly Rule[] = [
  {
    kind: 'module',
    severity: 'note',
    clue: ': Unknown symbol ',
    head: /^(?:module: )?([\w-]+): Unknown symbol (\S+) \(err -?\d+\)/,
    title: plain('module $1 refused: unknown symbols'),
    until: 'line',
  },
  {
    kind: 'module',
    severity: 'note',
    clue: ': disagrees about version of symbol ',
    head: /^(?:module: )?([\w-]+): disagrees about version of symbol (\S+)/,
    title: plain('module $1 refused: other versions of symbols'),
    until: 'line',
  },
  {
    kind: 'module',
    severity: 'note',
    clue: ": version magic '",
    head: /^(?:module: )?([\w-]+): version magic '[^']*' should be '/,
    title: plain('module $1 refused: version magic of another kernel'),
    until: 'line',
  },
  {
    kind: 'module',
    severity: 'note',
    clue: '.gnu.linkonce.this_module section size must match',
    head: /^module ([\w-]+): \.gnu\.linkonce\.this_module section size must match/,
    title: plain('module $1 refused: built for another kernel'),
    until: 'line',
  },
];

/** The module that a splat of these rules names. */
export function refusedModule({
  kind,
  title,
}: {
  kind: string;
  title: string;
}): string | undefined {
  return kind === 'module' ? /^module (\S+) refused: /.exec(title)?.[1] : undefined;
}
