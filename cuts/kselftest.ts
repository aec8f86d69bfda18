import { defineCut } from 'rapido';

/**
 * The kernel's own tests, installed by `make kselftest-install`. `rapido run kselftest -- -c timers` passes options
 * to run_kselftest.sh.
 */
export default defineCut({
  summary: "The kernel's own tests (tools/testing/selftests), from KSELFTEST_DIR or KERNEL_SRC",

  // Programs that run_kselftest.sh and its runner call.
  binaries: [
    'sh',
    'realpath',
    'dirname',
    'basename',
    'cat',
    'grep',
    'cut',
    'uniq',
    'sed',
    'tr',
    'wc',
    'head',
    'timeout',
    'mkdir',
    'rm',
    'mktemp',
    'date',
    'sleep',
    'ls',
  ],
  // Programs of single tests. Most tests are skipped if a program is missing.
  // biome-ignore format: a list of short words
  optionalBinaries: [
    'awk', 'bc', 'chmod', 'chown', 'chrt', 'cmp', 'cp', 'dd', 'diff', 'dmesg', 'echo', 'env',
    'ethtool', 'expr', 'find', 'findmnt', 'fmt', 'getent', 'id', 'insmod', 'ip', 'kill',
    'ldd', 'ln', 'losetup', 'lscpu', 'lsmod', 'mkfifo', 'mkfs.ext4', 'mknod', 'mkswap',
    'modinfo', 'modprobe', 'mount', 'mv', 'nproc', 'pgrep', 'ping', 'pkill', 'printf', 'ps',
    'readlink', 'rmdir', 'rmmod', 'seq', 'setpriv', 'sort', 'stat', 'su', 'swapoff', 'swapon',
    'sync', 'sysctl', 'tail', 'taskset', 'tc', 'tee', 'test', 'touch', 'true', 'truncate',
    'false', 'umount', 'uname', 'unshare', 'nsenter', 'which', 'xargs',
  ],

  kernelConfig: true,
  // Modules that tests load by name (from the files `config` in tools/testing/selftests).
  // biome-ignore format: a list of short words
  optionalDrivers: [
    'configs', 'zram', 'lzo', 'lzo_rle', 'loop', 'ext4', 'fuse', 'overlay', 'cuse', 'tun',
    'veth', 'dummy', 'bridge', 'vrf', 'macvlan', 'ipvlan', 'vxlan', 'geneve', 'gre', 'sit',
    'ip6_gre', 'ip_gre', 'netdevsim', 'netconsole', 'bonding', 'team', 'act_mirred',
    'sch_fq', 'sch_ingress', 'sch_netem', 'cls_u32', 'gpio-sim', 'gpio-mockup', 'rtc-test',
    'hmm', 'test_bitmap', 'test_bpf', 'test_fpu', 'test_firmware', 'test_hmm', 'test_kmod',
    'test_lkm', 'test_module', 'test_printf', 'test_scanf', 'test_static_keys',
    'test_static_key_base', 'test_strscpy', 'test_sysctl', 'test_user_copy', 'test_vmalloc',
    'test_xarray', 'prime_numbers', 'lkdtm', 'kvm', 'kvm-intel', 'kvm-amd', 'btrfs', 'xfs',
    'cpufreq_userspace', 'vcan', 'can', 'can-raw', 'vhost_vsock', 'vsock_loopback',
  ],

  // prefix.pl needs perl, and only avoids the buffering of sed. kselftest.sh replaces it.
  trees: [
    {
      source: '${KSELFTEST_DIR}',
      exclude: ['kselftest/prefix.pl', 'kselftest-packages'],
      contains: ['run_kselftest.sh'],
    },
  ],
  directory: '${KSELFTEST_DIR}',
  autorun: ['kselftest.sh'],

  test: { command: ['./run_kselftest.sh'], output: 'ktap', resumes: true },
  resources: { cpus: 2, memory: '1G' },
  conf: {
    needs: ['KSELFTEST_DIR'],
    defines: {
      KSELFTEST_TIMEOUT_FACTOR: {
        type: 'integer',
        minimum: 1,
        meaning:
          'Factor for the time limits of kselftest. By default, 10 if the VM is emulated, otherwise 1.',
      },
    },
  },
});
