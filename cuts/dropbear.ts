import { defineCut } from 'rapido';
import { SSH_PROGRAMS } from './_ssh.ts';

/** ssh into a VM, by key: the small server dropbear. */
export default defineCut({
  summary: 'An ssh server (dropbear): log in as root with your key',
  network: true,
  sshServer: true,
  binaries: [
    ...['dropbear', 'dropbearkey', 'dropbearconvert', 'ip'],
    ...SSH_PROGRAMS,
    ...['find', 'stty', 'lsmod', 'modprobe', 'rmmod', 'ping', 'ss'],
  ],
  // What scp, sftp and rsync call on this side. Debian's dropbear looks for the server of sftp there.
  optionalBinaries: [
    ...['scp', '/usr/lib/sftp-server', '/usr/libexec/sftp-server', 'rsync', 'tar'],
    ...['vi', 'less', 'strace', 'top', 'clear'],
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
    // dropbear lets nobody in whose shell is not one of these.
    '/etc/shells': '/bin/bash\n/bin/sh\n',
    // A login is like the prompt on the console.
    '/root/.bash_profile': '. /rapido/bashrc\n',
  },
  autorun: ['dropbear.sh'],
  conf: {
    needs: ['SSH_AUTHORIZED_KEY'],
    defines: {
      DROPBEAR_HOST_KEY: {
        type: 'path',
        meaning:
          'Private key by which the ssh server of the dropbear cut is known, as ssh-keygen makes it. It goes into the image. Without it, the VM makes one at each boot.',
        example: '~/.ssh/rapido_host_key',
      },
    },
  },
});
