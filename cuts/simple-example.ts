import { defineCut } from 'rapido';

/** The annotated first cut: a shell, everyday programs, and one autorun script. */
export default defineCut({
  // Shown by `rapido list`.
  summary: 'A shell with the usual tools; copy it to write your own target',

  // Programs by name. Their libraries are added. Programs that this host lacks are reported before anything
  // is built.
  // biome-ignore format: a list of short words
  binaries: [
    'sh',
    'cat', 'ls', 'cp', 'mv', 'ln', 'rm', 'mkdir', 'rmdir', 'touch', 'stat', 'df', 'du',
    'mount', 'umount', 'findmnt', 'dmesg', 'ps', 'id', 'uname', 'date', 'env', 'kill',
    'seq', 'printf', 'echo', 'grep', 'sed', 'head', 'tail', 'wc', 'sort', 'cut', 'tr', 'tee',
    'sleep', 'true', 'false', 'test', 'dd', 'od', 'sync', 'sha256sum', 'md5sum', 'stty',
    'lsmod', 'modprobe', 'rmmod', 'insmod', 'find', 'xargs', 'chmod', 'chown', 'truncate',
    'tty', 'nproc', 'mktemp', 'basename', 'dirname', 'readlink',
  ],
  // Programs that are added if the host has them.
  optionalBinaries: [
    'vi',
    'less',
    'strace',
    'free',
    'top',
    'lsblk',
    'ip',
    'awk',
    'timeout',
    'hostname',
    'clear',
    'which',
    'realpath',
  ],

  // Small files to create in the image. Without this one, vim reports that its defaults are missing.
  contents: { '/root/.vimrc': '" Nothing: rapido leaves the defaults alone.\n' },

  // Scripts from autorun/, which run in this order after boot.
  autorun: ['simple-example.sh'],
});
