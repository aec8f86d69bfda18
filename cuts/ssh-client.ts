import { defineCut } from 'rapido';
import { SSH_PROGRAMS } from './_ssh.ts';

/** An ssh client for a server such as the dropbear cut, with a private key in the image. */
export default defineCut({
  summary: 'Logs in to an ssh server with your key (OpenSSH)',
  network: true,
  binaries: ['ssh', 'ip', 'ping', 'ss', ...SSH_PROGRAMS, 'find', 'stty', 'chmod'],
  optionalBinaries: [
    'scp',
    'sftp',
    'ssh-keygen',
    'ssh-keyscan',
    'rsync',
    'tar',
    'tcpdump',
    'vi',
    'less',
    'strace',
    'clear',
  ],
  files: [
    { source: '${SSH_IDENTITY}', target: '/root/.ssh/identity' },
    { source: '${SSH_KNOWN_HOSTS}', target: '/etc/ssh/ssh_known_hosts', ifSet: true },
  ],
  autorun: ['ssh-client.sh'],
  conf: { needs: ['SSH_IDENTITY'], uses: ['SSH_SERVER', 'SSH_USER', 'SSH_KNOWN_HOSTS'] },
});
