import { defineCut } from 'rapido';

/** simple-example with a network. */
export default defineCut({
  summary: 'A shell with the usual tools and networking',
  network: true,
  // biome-ignore format: a list of short words
  binaries: [
    'sh', 'ip', 'ping', 'ss',
    'cat', 'ls', 'cp', 'mv', 'ln', 'rm', 'mkdir', 'rmdir', 'touch', 'stat', 'df', 'du',
    'mount', 'umount', 'findmnt', 'dmesg', 'ps', 'id', 'uname', 'date', 'env', 'kill',
    'seq', 'printf', 'echo', 'grep', 'sed', 'head', 'tail', 'wc', 'sort', 'cut', 'tr', 'tee',
    'sleep', 'true', 'false', 'test', 'dd', 'od', 'sync', 'sha256sum', 'md5sum', 'stty',
    'lsmod', 'modprobe', 'rmmod', 'insmod', 'find', 'xargs', 'timeout', 'getent',
  ],
  optionalBinaries: [
    'ethtool',
    'tc',
    'bridge',
    'tcpdump',
    'arping',
    'tracepath',
    'iperf3',
    'curl',
    'nc',
    'socat',
    'nft',
    'vi',
    'less',
    'strace',
    'free',
    'top',
    'hostname',
    'clear',
  ],
  contents: { '/root/.vimrc': '" Nothing: rapido leaves the defaults alone.\n' },
  autorun: ['simple-network.sh'],
});
