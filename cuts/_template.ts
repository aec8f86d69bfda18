import { defineCut } from 'rapido';

// Copy this to your own cuts directory (~/.config/rapido/cuts, CUT_DIR in rapido.conf, or
// --cut-dir). The name of the file is the name of the target: my-test.ts is `rapido cut my-test`.
// You can cut it without changes. Only the summary is required; docs/writing-cuts.md explains all fields.
export default defineCut({
  summary: 'What this target tests, in one line',

  // Programs, by name or path, with their libraries: 'mkfs.ext4', '${MY_TOOLS}/mytool'.
  binaries: ['ls', 'cat', 'dmesg'],
  // Programs that are added if the host has them.
  optionalBinaries: ['strace'],

  // Required kernel modules, with their dependencies: 'ext4', 'zram'.
  drivers: [],
  // Kernel modules that are added if the kernel has them.
  optionalDrivers: [],

  // Options that the kernel must have, apart from those of the modules: { CONFIG_NFS_V4: 'NFS version 4' }.
  kernelOptions: {},

  // Test directories, copied whole: { source: '${MY_TESTS}', exclude: ['.git', '*.o'] }.
  trees: [],

  // Scripts beside this file, which run in this order after boot: 'my-test.sh'.
  autorun: [],

  // Block devices in memory, by their names in RAPIDO_DISKS: { SCRATCH: '1G' }.
  zram: {},

  resources: { cpus: 2, memory: '512M' },

  // Keys of rapido.conf that the guest gets, and keys of your own.
  conf: {
    uses: [],
    defines: { MY_TESTS: { type: 'path', meaning: 'Where my tests are.' } },
  },
});
