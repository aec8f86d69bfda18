import { defineCut } from 'rapido';
import { blockTools, filesystems, optionalBlockTools } from './_block.ts';

/** An NVMe/TCP initiator for a target such as nvme-tcp-target. */
export default defineCut({
  summary: 'Connects to an NVMe/TCP target, whose device is a disk in the VM',
  network: true,
  binaries: blockTools,
  optionalBinaries: [...optionalBlockTools, 'nvme'],
  drivers: ['nvme-fabrics', 'nvme-tcp'],
  optionalDrivers: filesystems,
  autorun: ['nvme-tcp-initiator.sh'],
  conf: { uses: ['NVME_TARGET_TCP', 'NVME_TARGET_NQN'] },
});
