import { defineCut } from 'rapido';

/** The annotated first cut: a shell, the everyday programs, and one autorun script. */
export default defineCut({
  // Shown by `rapido list`.
  summary: 'A shell with the everyday programs: look around, copy it for your own',

  // Programs by name. Each brings its libraries; one that this host lacks is refused by name,
  // before anything is built.
  binaries: [
    'sh',
    ...['cat', 'ls', 'cp', 'mv', 'ln', 'rm', 'mkdir', 'rmdir', 'touch', 'stat', 'df', 'du'],
    ...['mount', 'umount', 'findmnt', 'dmesg', 'ps', 'id', 'uname', 'date', 'env', 'kill'],
    ...['seq', 'printf', 'echo', 'grep', 'sed', 'head', 'tail', 'wc', 'sort', 'cut', 'tr', 'tee'],
    ...['sleep', 'true', 'false', 'test', 'dd', 'od', 'sync', 'sha256sum', 'md5sum', 'stty'],
    ...['lsmod', 'modprobe', 'rmmod', 'insmod', 'find', 'xargs', 'chmod', 'chown', 'truncate'],
    ...['tty', 'nproc', 'mktemp', 'basename', 'dirname', 'readlink'],
  ],
  // Nice to have: taken along where the host has them.
  optionalBinaries: [
    ...[
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
  ],

  // Small files made for the image. Without this one, vim looks for its defaults and complains.
  contents: { '/root/.vimrc': '" Nothing: rapido leaves the defaults alone.\n' },

  // Scripts from autorun/, run in this order once the VM is up.
  autorun: ['simple-example.sh'],
});
