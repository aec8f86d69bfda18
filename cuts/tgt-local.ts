import { defineCut } from 'rapido';
import { blockTools, optionalBlockTools } from './_block.ts';

/** An iSCSI target in user space (tgtd), which serves a zram device, or a disk with the serial BACKING. */
export default defineCut({
  summary: 'Serves a disk over iSCSI from user space (tgtd), backed by zram',
  network: true,
  binaries: [...blockTools, 'tgtd', 'tgtadm'],
  optionalBinaries: optionalBlockTools,
  zram: { BACKING: '${TGT_LOCAL_SIZE}' },
  autorun: ['tgt-local.sh'],
  conf: {
    uses: ['TARGET_IQN', 'INITIATOR_IQNS'],
    defines: {
      TGT_LOCAL_SIZE: { type: 'size', meaning: 'Size of the disk of tgt-local.', default: '1G' },
    },
  },
});
