import { plain, type Rule } from './rule.ts';

/**
 * The kernel could not run the configured init, so the run cannot start (init/main.c: kernel_init,
 * kernel_init_freeable). The kernel then tries others, which the next lines show.
 */
const INIT_FAILURES: readonly Rule[] = [
  {
    kind: 'boot',
    severity: 'fatal',
    clue: 'Failed to execute ',
    head: /^Failed to execute (.+) \(error (-?\d+)\)$/,
    title: ([, path, error]) => `${path} could not be executed as init (error ${error})`,
  },
  {
    kind: 'boot',
    severity: 'fatal',
    clue: 'Default init ',
    head: /^Default init (.+) failed \(error (-?\d+)\)$/,
    title: ([, path, error]) => `${path} could not be executed as init (error ${error})`,
  },
  {
    kind: 'boot',
    severity: 'fatal',
    clue: 'Starting init: ',
    head: /^Starting init: (.+) exists but couldn't execute it \(error (-?\d+)\)$/,
    title: ([, path, error]) => `${path} could not be executed as init (error ${error})`,
  },
  {
    kind: 'boot',
    severity: 'fatal',
    clue: 'check access for rdinit=',
    head: /^check access for rdinit=(.+) failed: (-?\d+), ignoring$/,
    title: ([, path, error]) => `${path} could not be found as init (error ${error})`,
  },
];

export const BOOT: readonly Rule[] = [
  ...INIT_FAILURES,
  {
    kind: 'boot',
    severity: 'error',
    clue: 'unpacking failed',
    head: /^(?:Initramfs|rootfs image) unpacking failed: (.*)/,
    title: plain('initramfs unpacking failed: $1'),
    until: 'line',
  },
  {
    kind: 'boot',
    severity: 'error',
    clue: 'is not initramfs',
    head: /^rootfs image is not initramfs \((.*?)\)/,
    title: plain('rootfs image is not initramfs: $1'),
    until: 'line',
  },
];
