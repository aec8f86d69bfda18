import { defineCut } from 'rapido';
import { blockTools, optionalBlockTools } from './_block.ts';

/** A SCSI disk for other machines: an iSCSI target in user space (tgtd), on zram or a disk BACKING. */
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
