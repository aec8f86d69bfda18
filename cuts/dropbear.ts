import { defineCut } from 'rapido';
import { SSH_PROGRAMS } from './_ssh.ts';

/** A small ssh server, dropbear, with login by key. */
export default defineCut({
  summary: 'An ssh server (dropbear): log in as root with your key',
  network: true,
  sshServer: true,
  binaries: [
    'dropbear',
    'dropbearkey',
    'dropbearconvert',
    'ip',
    ...SSH_PROGRAMS,
    'find',
    'stty',
    'lsmod',
    'modprobe',
    'rmmod',
    'ping',
    'ss',
  ],
  // Programs that scp, sftp and rsync call on the server. The paths of the sftp server are those of Debian's dropbear.
  optionalBinaries: [
    'scp',
    '/usr/lib/sftp-server',
    '/usr/libexec/sftp-server',
    'rsync',
    'tar',
    'vi',
    'less',
    'strace',
    'top',
    'clear',
  ],
  files: [
    {
      source: '${SSH_AUTHORIZED_KEY}',
      target: '/etc/dropbear/authorized_keys.host',
      ifSet: true,
    },
    { source: '${DROPBEAR_HOST_KEY}', target: '/etc/dropbear/host_key.host', ifSet: true },
  ],
  contents: {
    // dropbear only accepts users whose shell is in this file.
    '/etc/shells': '/bin/bash\n/bin/sh\n',
    // Login shells are set up like the shell on the console.
    '/root/.bash_profile': '. /rapido/bashrc\n',
  },
  autorun: ['dropbear.sh'],
  conf: {
    needs: ['SSH_AUTHORIZED_KEY'],
    defines: {
      DROPBEAR_HOST_KEY: {
        type: 'path',
        meaning:
          'Private host key for the ssh server of the dropbear cut, in the format of ssh-keygen. It is written to the image. Without it, the VM generates a key at each boot.',
        example: '~/.ssh/rapido_host_key',
      },
    },
  },
});
