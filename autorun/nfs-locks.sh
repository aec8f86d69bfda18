#!/bin/bash
# Starts the daemons that NFSv3 needs on server and client: rpcbind, which reports the ports of the other protocols,
# and rpc.statd, which locks need. NFSv4 is a single protocol, so a client that does not request version 3 needs
# neither.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh

# NFS_SERVER is set only in a client.
if [[ -n ${NFS_SERVER-} && ",${NFS_MOUNT_OPTS-}," != *[,\ ]@(nfsvers|vers)=3[,\ ]* ]]; then
	exit 0
fi

# rpcbind switches to a user with a built-in name: _rpc on Debian and SUSE, rpc on Fedora.
printf '%s:x:32:65534::/run/rpcbind:/bin/false\n' _rpc rpc >> /etc/passwd
# rpc.statd switches to the owner of its directory.
mkdir -p /run/rpcbind /var/lib/nfs/sm /var/lib/nfs/sm.bak /run/sendsigs.omit.d
: > /var/lib/nfs/state
chown 32 /run/rpcbind
start_daemon tcp:111 rpcbind
start_daemon tcp:4000 rpc.statd --no-notify --port 4000
