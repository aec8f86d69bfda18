import { inFunction, type Rule } from './rule.ts';

export const MEMORY_SHORTAGE: readonly Rule[] = [
  {
    kind: 'oom',
    severity: 'error',
    clue: ' invoked oom-killer',
    head: / invoked oom-killer: /,
    title: (_, lines) => {
      const victim = lines.map((line) => KILLED.exec(line)).find(Boolean);
      return victim === undefined || victim === null ? 'OOM' : oomTitle(victim);
    },
    until: /Killed process \d+|Out of memory and no killable processes/,
  },
  {
    kind: 'oom',
    severity: 'error',
    clue: 'ut of memory: Kill',
    head: /^(Memory cgroup o|O)ut of memory(?: \([^)]*\))?: Kill(?:ed)? process \d+ \((.*?)\)/,
    title: (head) => oomTitle(head),
    until: 'line',
    joins: true,
  },
  {
    kind: 'allocation',
    severity: 'note',
    clue: 'allocation failure',
    head: /^\S.*?: (page |vmalloc )?(?:allocation failure|allocation failure: order:\d+)/,
    title: inFunction('page allocation failure', 'frames'),
  },
  {
    kind: 'allocation',
    severity: 'note',
    clue: 'vmalloc error: ',
    head: /^\S.*?: vmalloc error: size \d+/,
    title: inFunction('vmalloc failure', 'frames'),
  },
];

const KILLED = /^(Memory cgroup o|O)ut of memory(?: \([^)]*\))?: Kill(?:ed)? process \d+ \((.*?)\)/;

function oomTitle([, prefix, name]: RegExpExecArray): string {
  return `${prefix?.startsWith('Memory') ? 'memory cgroup ' : ''}OOM kill of ${name}`;
}
