#!/bin/bash
# Starts an ssh server at port 22. root can log in with a key of SSH_AUTHORIZED_KEY; passwords are disabled.
# The host key is that of DROPBEAR_HOST_KEY, or a new one if it is not set.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh

umask 077
host_key=/etc/dropbear/host_key
keys=$SSH_AUTHORIZED_KEY
[[ ! -e /etc/dropbear/authorized_keys.host ]] || keys=$(< /etc/dropbear/authorized_keys.host)
mkdir -p /root/.ssh /etc/dropbear
echo "$keys" > /root/.ssh/authorized_keys

if [[ ! -e $host_key && -e $host_key.host ]]; then
	# Convert from the format of OpenSSH to that of dropbear.
	dropbearconvert openssh dropbear "$host_key.host" "$host_key" > /dev/null 2>&1 ||
		die "DROPBEAR_HOST_KEY: not an ssh-keygen private key, or has a passphrase"
elif [[ ! -e $host_key ]]; then
	dropbearkey -t ed25519 -f "$host_key" > /dev/null 2>&1 || die 'no host key could be generated'
fi
is_listening tcp:22 || start_daemon tcp:22 dropbear -F -E -s -r "$host_key" -P /run/dropbear.pid

echo 'root can log in by ssh; the host key is'
dropbearkey -y -f "$host_key" | while read -r line; do
	[[ $line != [Ff]ingerprint:* && $line != @(ssh|ecdsa)-* ]] || echo "  $line"
done
