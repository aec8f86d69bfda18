/** Programs for the shells of ssh server and client. */
// biome-ignore format: a list of short words
export const SSH_PROGRAMS = [
  'sh', 'cat', 'ls', 'cp', 'mv', 'ln', 'rm', 'mkdir', 'rmdir', 'touch', 'stat', 'df', 'du',
  'mount', 'umount', 'findmnt', 'dmesg', 'ps', 'id', 'uname', 'date', 'env', 'kill', 'tty',
  'grep', 'sed', 'head', 'tail', 'wc', 'sort', 'sleep', 'true', 'false', 'dd', 'sha256sum',
] as const;
