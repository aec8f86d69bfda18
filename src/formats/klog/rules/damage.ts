import { unannouncedStack } from '../stack.ts';
import { blamedFunction, treePath } from '../title.ts';
import { END, inFunction, plain, type Rule, suffix } from './rule.ts';

/** Functions that hand out pages or take them back, often many at once and for others. */
const PAGES =
  /^(?:free|bad|prep|rmqueue|__free)_?\w*(?:page|unref|pcp|bulk)\w*$|^(?:post_alloc_hook|_*set_page_owner|_*page_pool_\w+|folio_alloc\w*|_*filemap_(?:alloc|get)_folio\w*|pagecache_get_page)$/;

/**
 * With CONFIG_PAGE_OWNER, the stack of whoever allocated the page. It tells whose page is damaged; the stack of
 * the report is that of whoever frees or allocates next.
 */
function ownerOfPage(lines: readonly string[]): readonly string[] {
  const begin = lines.findIndex((line) => /^page last allocated via /.test(line));
  return begin < 0 ? [] : unannouncedStack(lines.slice(begin + 1));
}

export const DAMAGE: readonly Rule[] = [
  {
    kind: 'refcount',
    severity: 'error',
    clue: 'refcount_t: ',
    head: /^refcount_t: (.*?)\.?$/,
    title: inFunction('refcount_t: $1'),
    until: END,
  },
  {
    kind: 'list-corruption',
    severity: 'error',
    clue: ['corruption', 'double add'],
    head: /^(list_(?:add|del)|slist_\w+|llist_\w+)(?: double \w+| corruption)/,
    title: inFunction('$1 corruption', 'frames', /^__?list_/),
    until: END,
  },
  {
    kind: 'slab',
    severity: 'error',
    clue: 'BUG ',
    // The taint state may itself contain brackets and colons.
    head: /^BUG (\S+(?: \S+)*?) \((?:Not tainted|Tainted[^)]*)\): (?!kasan: bad access detected)(.*)/,
    title: plain('slab $1: $2'),
  },
  {
    kind: 'slab',
    severity: 'error',
    clue: 'Slab cache still has objects',
    head: /^kmem_cache_destroy (\S+): Slab cache still has objects/,
    title: plain('slab $1: objects remain in a destroyed cache'),
    until: END,
  },
  {
    kind: 'memory-leak',
    severity: 'error',
    clue: 'new suspected memory leaks',
    head: /^kmemleak: \d+ new suspected memory leaks/,
    title: plain('kmemleak: suspected memory leaks'),
    until: 'line',
  },
  {
    kind: 'memory-leak',
    severity: 'error',
    clue: 'unreferenced object 0x',
    head: /^(?:kmemleak: )?unreferenced object 0x/,
    title: (_, lines) =>
      `memory leak${suffix(
        blamedFunction(
          lines.map((line) => line.replace(/^kmemleak: /, '')),
          'frames',
        ),
      )}`,
  },
  {
    kind: 'memory',
    severity: 'error',
    clue: 'BUG: Bad ',
    head: /^BUG: Bad (rss-counter state|page table|page map|page cache|page state|swap \w+)/,
    title: ([, what = ''], lines) => {
      const owner = blamedFunction(ownerOfPage(lines), 'frames', PAGES);
      return `BUG: Bad ${what}${suffix(owner ?? blamedFunction(lines, 'frames', PAGES))}`;
    },
  },
  {
    kind: 'memory',
    severity: 'error',
    clue: 'BUG: non-zero ',
    head: /^BUG: non-zero (\w+) on freeing mm/,
    title: plain('BUG: non-zero $1 on freeing mm'),
  },
  {
    kind: 'memory',
    severity: 'error',
    clue: 'pagealloc: ',
    head: /^pagealloc: (memory corruption|single bit error)/,
    title: inFunction('pagealloc: $1', 'frames'),
  },
  {
    kind: 'memory',
    severity: 'error',
    clue: ': bad p',
    head: /^(\S+\.[chS]):\d+: bad (pgd|p4d|pud|pmd|pte) /,
    title: ([, file = '', level]) => `bad ${level} in ${treePath(file)}`,
    until: 'line',
  },
  {
    kind: 'memory',
    severity: 'error',
    clue: [' swap file entry ', ' swap offset entry '],
    head: /^(?:\w+: )?(\w+): ((?:Bad|Unused) swap (?:file|offset) entry) [0-9a-f]+/,
    title: plain('$2 in $1'),
    until: 'line',
  },
  {
    kind: 'memory',
    severity: 'error',
    clue: 'zram: Decompression failed',
    head: /^zram: Decompression failed!/,
    title: plain('zram: decompression failed'),
    until: 'line',
  },
  {
    kind: 'refcount',
    severity: 'error',
    clue: 'page_pool refcnt',
    head: /^(\w+)\(\) page_pool refcnt -?\d+ violation/,
    title: plain('page_pool reference count violation in $1'),
    until: 'line',
  },
  {
    kind: 'refcount',
    severity: 'error',
    clue: 'neighbour leakage',
    head: /^(?:neighbour: )?neighbour leakage/,
    title: plain('neighbour leaked'),
    until: 'line',
  },
  {
    kind: 'odebug',
    severity: 'error',
    clue: 'something is seriously wrong',
    head: /^kobject(?: '.*')? \(.*?\): tried to (init an initialized|add an uninitialized) object, something is seriously wrong/,
    title: ([, what], lines) =>
      `kobject: tried to ${what} object${suffix(blamedFunction(lines, 'frames', /kobject/))}`,
  },
  {
    kind: 'odebug',
    severity: 'error',
    clue: 'ODEBUG: ',
    head: /^ODEBUG: (\w+) (.*?)(?: \(active state .*?)? object(?: type)?: (?:\S+ object type: )?(\w+)/,
    title: inFunction('ODEBUG: $1 $2 $3'),
    until: END,
  },
  {
    kind: 'dma',
    severity: 'error',
    clue: 'DMA-API: ',
    head: /^DMA-API: (?:\S+ )+?(?=device driver |cacheline tracking|cpu touching|mapping |exceeded )(.*?)(?: \[|$)/,
    title: inFunction('DMA-API: $1'),
    until: END,
  },
  {
    kind: 'irq',
    severity: 'error',
    clue: 'nobody cared',
    head: /^irq \d+: nobody cared/,
    title: plain('irq: nobody cared'),
  },
  {
    kind: 'irq',
    severity: 'error',
    clue: 'No irq handler for vector',
    head: /^\w+: \d+\.\d+ No irq handler for vector/,
    title: plain('irq: no handler for a vector'),
    until: 'line',
  },
  {
    kind: 'irq',
    severity: 'error',
    clue: 'genirq: Flags mismatch',
    head: /^genirq: Flags mismatch irq/,
    title: inFunction('genirq: Flags mismatch', 'frames', /irq/),
  },
  {
    // Older kernels report it by a WARN().
    kind: 'device',
    severity: 'error',
    clue: 'NETDEV WATCHDOG: CPU',
    head: /^\S.*: NETDEV WATCHDOG: CPU: \d+: transmit queue \d+ timed out/,
    title: plain('NETDEV WATCHDOG: transmit queue timed out'),
    until: 'line',
  },
  {
    kind: 'device',
    severity: 'error',
    clue: [' is not a head!', ' out of range'],
    head: /^virtio\w+ virtio\d+: (.+):id \d+ (is not a head!|out of range)$/,
    title: ([, queue = '', what = '']) =>
      `virtio: corrupt ring ${queue.replace(/\d+/g, 'N')}: id ${what.replace('!', '')}`,
    until: 'line',
  },
  {
    kind: 'netdev',
    severity: 'error',
    clue: 'unregister_netdevice: waiting',
    head: /^unregister_netdevice: waiting for \S+ to become free/,
    title: plain('unregister_netdevice: waiting for a device to become free'),
    until: 'line',
  },
  {
    kind: 'netdev',
    severity: 'error',
    clue: 'ref_tracker: ',
    head: /^ref_tracker: (?:\w+@\S+ has \d+\/\d+ users at|.*leaked reference)/,
    title: (head, lines) => {
      const after = lines.slice(lines.indexOf(head.input) + 1);
      return `ref_tracker: reference leaked${suffix(blamedFunction(after, 'frames', /ref_tracker|netdev_hold|dev_hold/))}`;
    },
  },
  {
    kind: 'warning',
    severity: 'error',
    clue: 'sysctl table check failed',
    head: /^sysctl table check failed: (\S+)/,
    title: plain('sysctl table check failed: $1'),
    until: 'line',
  },
  {
    kind: 'warning',
    severity: 'error',
    clue: 'psi: ',
    head: /^psi: (inconsistent task state|task underflow)!/,
    title: plain('psi: $1'),
    until: 'line',
  },
  {
    kind: 'warning',
    severity: 'error',
    clue: 'Impossible, sk->sk_state=',
    head: /^TCP: (\w+): Impossible, sk->sk_state=/,
    title: plain('TCP: impossible socket state in $1'),
    until: 'line',
  },
  {
    kind: 'warning',
    severity: 'error',
    clue: 'sysfs: cannot create duplicate',
    head: /^sysfs: cannot create duplicate filename/,
    title: inFunction(
      'sysfs: cannot create duplicate filename',
      'frames',
      /sysfs|kobject|internal_create|device_add/,
    ),
  },
];
