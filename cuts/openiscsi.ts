import { defineCut } from 'rapido';
import { blockTools, filesystems, optionalBlockTools } from './_block.ts';

/** Disks from an iSCSI target, such as lio-iscsi and tgt-local: open-iscsi. */
export default defineCut({
  summary: 'Logs in to the targets of an iSCSI server: their disks are here',
  network: true,
  binaries: [...blockTools, 'iscsid', 'iscsiadm'],
  optionalBinaries: [...optionalBlockTools, 'lsscsi', 'sg_inq', 'sg_persist'],
  // A tree built by meson, by make, and what make installed in it.
  searchPath: ['${OPENISCSI_SRC}/builddir', '${OPENISCSI_SRC}/usr', '${OPENISCSI_SRC}/sbin'],
  drivers: ['iscsi_tcp', 'sd_mod'],
  optionalDrivers: [...filesystems, 'sg', 'crc32c_generic'],
  // Who installs open-iscsi has one for a host that comes up by itself.
  contents: { '/etc/iscsi/iscsid.conf': 'node.startup = manual\n' },
  autorun: ['openiscsi.sh'],
  conf: { uses: ['INITIATOR_DISCOVERY_ADDR', 'INITIATOR_IQNS'] },
});
