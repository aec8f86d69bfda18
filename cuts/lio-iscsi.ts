import { defineCut } from 'rapido';
import { blockTools, optionalBlockTools } from './_block.ts';

/** The kernel's iSCSI target (LIO), which serves a zram device, or a disk with the serial BACKING. */
export default defineCut({
  summary: "Serves a disk over iSCSI with the kernel's target (LIO), backed by zram",
  network: true,
  binaries: blockTools,
  optionalBinaries: optionalBlockTools,
  zram: { BACKING: '${LIO_ISCSI_SIZE}' },
  drivers: ['target_core_mod', 'target_core_iblock', 'iscsi_target_mod'],
  kernelOptions: { CONFIG_CONFIGFS_FS: 'the directory where the target is set up' },
  // Every login requests crc32c from the crypto API, although only sessions with digests use it.
  optionalDrivers: ['configfs', 'crc32c_generic', 'crc32c_intel', 'target_core_file'],
  autorun: ['lio-iscsi.sh'],
  conf: {
    uses: ['TARGET_IQN', 'INITIATOR_IQNS'],
    defines: {
      LIO_ISCSI_SIZE: { type: 'size', meaning: 'Size of the disk of lio-iscsi.', default: '1G' },
    },
  },
});
