#!/bin/bash
# Logs in to SSH_SERVER as SSH_USER with the key SSH_IDENTITY, and writes a configuration with which `ssh NAME` does
# the same. With SSH_KNOWN_HOSTS, the server must have a key in that file. Without it, the first key of the server
# is accepted unchecked.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh

refuse_this_vm "$SSH_SERVER" SSH_SERVER
umask 077
if [[ -n ${SSH_KNOWN_HOSTS-} ]]; then
	strictness='StrictHostKeyChecking yes
	UserKnownHostsFile /dev/null'
else
	strictness='StrictHostKeyChecking accept-new'
	echo "SSH_KNOWN_HOSTS is not set: the host key of $SSH_SERVER is accepted unchecked"
fi
cat > /root/.ssh/config << CONFIG
Host *
	User $SSH_USER
	IdentityFile /root/.ssh/identity
	IdentitiesOnly yes
	PasswordAuthentication no
	ConnectTimeout 30
	$strictness
CONFIG
# ssh rejects a private key that other users can read.
chmod 600 /root/.ssh/identity

# ssh may ask for the passphrase of the key on a terminal. Retry, because the server may just have been started.
options=(-n -o ConnectionAttempts=10)
[[ -t 0 ]] || options+=(-o BatchMode=yes)
ssh "${options[@]}" -- "$SSH_SERVER" true || die "cannot log in to $SSH_SERVER as $SSH_USER"
echo "$SSH_USER can log in to $SSH_SERVER: ssh $SSH_SERVER"
