#!/bin/bash
# Logs in to SSH_SERVER as SSH_USER with the key SSH_IDENTITY, and leaves a configuration with which `ssh NAME` does
# the same. With SSH_KNOWN_HOSTS, the server must have a key of that file; without it, the key that it shows first
# is believed, as there is nothing to check it by.
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
	echo "SSH_KNOWN_HOSTS is not set: whatever answers as $SSH_SERVER is believed"
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
# ssh has its own mind about who may read a private key.
chmod 600 /root/.ssh/identity

# Somebody at the console may be asked for the passphrase of the key. The server may have been started a moment ago.
options=(-n -o ConnectionAttempts=10)
[[ -t 0 ]] || options+=(-o BatchMode=yes)
ssh "${options[@]}" -- "$SSH_SERVER" true || die "no login at $SSH_SERVER as $SSH_USER"
echo "$SSH_USER can log in at $SSH_SERVER: ssh $SSH_SERVER"
