import { defineCut } from 'rapido';

// Copy this to your own cuts directory (~/.config/rapido/cuts, CUT_DIR in rapido.conf, or
// --cut-dir) under the name you want to type: my-test.ts is `rapido cut my-test`.
// Every field but the summary may go. docs/writing-cuts.md explains them all.
export default defineCut({
  summary: 'What this target tests, in one line',

  // Programs, by name or path, with their libraries.
  binaries: ['ls', 'cat', 'mkfs.ext4'],
  optionalBinaries: ['strace'],

  // Kernel modules, with all they depend on. One built into the kernel is fine.
  drivers: ['ext4', 'loop'],
  optionalDrivers: [],

  // Test directories, copied whole. ${KEY} is a key of rapido.conf.
  trees: [{ source: '${MY_TESTS}', exclude: ['.git', '*.o'] }],

  // Scripts beside this file, run in this order once the VM is up.
  autorun: ['my-test.sh'],
  // Where they start and where the prompt stands.
  directory: '${MY_TESTS}',

  resources: { cpus: 2, memory: '1G' },
  network: false,

  conf: {
    needs: ['MY_TESTS'],
    defines: { MY_TESTS: { type: 'path', meaning: 'Where my tests are.' } },
  },
});
