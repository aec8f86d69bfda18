import { defineCut } from 'rapido';
import { blockTools, optionalBlockTools } from './_block.ts';

/** A SCSI disk for other machines: the kernel's iSCSI target (LIO), on zram or a disk BACKING. */
export default defineCut({
  summary: "Serves a disk over iSCSI by the kernel's target (LIO), backed by zram",
  network: true,
  binaries: blockTools,
  optionalBinaries: optionalBlockTools,
  zram: { BACKING: '${LIO_ISCSI_SIZE}' },
  drivers: ['target_core_mod', 'target_core_iblock', 'iscsi_target_mod'],
  // Every login asks for crc32c of the kernel's crypto, if only a session with digests then uses it.
  optionalDrivers: ['configfs', 'crc32c_generic', 'crc32c_intel', 'target_core_file'],
  autorun: ['lio-iscsi.sh'],
  conf: {
    uses: ['TARGET_IQN', 'INITIATOR_IQNS'],
    defines: {
      LIO_ISCSI_SIZE: { type: 'size', meaning: 'Size of the disk of lio-iscsi.', default: '1G' },
    },
  },
});
