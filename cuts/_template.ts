import { defineCut } from 'rapido';

// Copy this to your own cuts directory (~/.config/rapido/cuts, CUT_DIR in rapido.conf, or
// --cut-dir) under the name you want to type: my-test.ts is `rapido cut my-test`.
// It can be cut as it stands. Every field but the summary may go; docs/writing-cuts.md explains all.
export default defineCut({
  summary: 'What this target tests, in one line',

  // Programs, by name or path, with their libraries: 'mkfs.ext4', '${MY_TOOLS}/mytool'.
  binaries: ['ls', 'cat', 'dmesg'],
  // Programs to take along where the host has them.
  optionalBinaries: ['strace'],

  // Kernel modules that must be loadable, with all they depend on: 'ext4', 'zram'.
  drivers: [],
  // Kernel modules to take along where the kernel has them.
  optionalDrivers: [],

  // Test directories, copied whole: { source: '${MY_TESTS}', exclude: ['.git', '*.o'] }.
  trees: [],

  // Scripts beside this file, run in this order once the VM is up: 'my-test.sh'.
  autorun: [],

  // Block devices in memory, by the name under which RAPIDO_DISKS has them: { SCRATCH: '1G' }.
  zram: {},

  resources: { cpus: 2, memory: '512M' },

  // Keys of rapido.conf that the guest gets, and keys of your own.
  conf: {
    uses: [],
    defines: { MY_TESTS: { type: 'path', meaning: 'Where my tests are.' } },
  },
});
