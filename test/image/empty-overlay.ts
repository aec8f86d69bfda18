import type { OverlayRequest } from '../../src/image/overlay.ts';

/** Of an image that has nothing but the files of every image, which contain their names. */
export const EMPTY_OVERLAY: OverlayRequest = {
  cut: 'small',
  guestFiles: {
    init: Buffer.from('init'),
    network: Buffer.from('network'),
    'dhcp-lease': Buffer.from('dhcp-lease'),
    session: Buffer.from('session'),
    'power-off': Buffer.from('power-off'),
    bashrc: Buffer.from('bashrc'),
    'lib.sh': Buffer.from('lib'),
    'rapido.service': Buffer.from('[Service]'),
    'systemd-networkd.service': Buffer.from('[Service] of networkd'),
    'await-network': Buffer.from('await-network'),
  },
  unlockpt: Buffer.from('unlockpt'),
  loadModules: [],
  loadForDisks: {},
  network: undefined,
  zram: {},
  autorun: [],
  directory: undefined,
  conf: {},
  occupied: [],
  init: undefined,
  contents: {},
  programs: [],
  terminfo: {},
  command: undefined,
  done: [],
};
