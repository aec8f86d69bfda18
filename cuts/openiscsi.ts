import { defineCut } from 'rapido';
import { blockTools, filesystems, optionalBlockTools } from './_block.ts';

/** An iSCSI initiator (open-iscsi) for a target such as lio-iscsi or tgt-local. */
export default defineCut({
  summary: 'Logs in to the targets of an iSCSI server, whose disks appear in the VM',
  network: true,
  binaries: [...blockTools, 'iscsid', 'iscsiadm'],
  optionalBinaries: [...optionalBlockTools, 'lsscsi', 'sg_inq', 'sg_persist'],
  // A tree built with meson or make, and the directory in which make installs.
  searchPath: ['${OPENISCSI_SRC}/builddir', '${OPENISCSI_SRC}/usr', '${OPENISCSI_SRC}/sbin'],
  drivers: ['iscsi_tcp', 'sd_mod'],
  optionalDrivers: [...filesystems, 'sg', 'crc32c_generic'],
  // The file of the host may start sessions automatically.
  contents: { '/etc/iscsi/iscsid.conf': 'node.startup = manual\n' },
  autorun: ['openiscsi.sh'],
  conf: { uses: ['INITIATOR_DISCOVERY_ADDR', 'INITIATOR_IQNS'] },
});
