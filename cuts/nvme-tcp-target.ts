import { defineCut } from 'rapido';
import { blockTools, optionalBlockTools } from './_block.ts';

/** An NVMe/TCP target (nvmet), which serves a zram device, or a disk with the serial BACKING. */
export default defineCut({
  summary: 'Serves an NVMe device over TCP (nvmet), backed by zram',
  network: true,
  binaries: blockTools,
  optionalBinaries: optionalBlockTools,
  zram: { BACKING: '${NVME_TCP_SIZE}' },
  drivers: ['nvmet', 'nvmet-tcp'],
  kernelOptions: { CONFIG_CONFIGFS_FS: 'the directory where the target is set up' },
  optionalDrivers: ['configfs'],
  autorun: ['nvme-tcp-target.sh'],
  conf: {
    uses: ['NVME_TARGET_NQN'],
    defines: {
      NVME_TCP_SIZE: {
        type: 'size',
        meaning: 'Size of the device of nvme-tcp-target.',
        default: '1G',
      },
    },
  },
});
