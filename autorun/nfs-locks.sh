#!/bin/bash
# Starts what NFSv3 wants on either side beside NFS: rpcbind, which tells the ports of the other protocols,
# and rpc.statd, without which there are no locks. NFSv4 has all in one, so that a client that does not ask
# for version 3 needs neither.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh

# Only a client has a server.
if [[ -n ${NFS_SERVER-} && ",${NFS_MOUNT_OPTS-}," != *[,\ ]@(nfsvers|vers)=3[,\ ]* ]]; then
	exit 0
fi

# rpcbind becomes a user whose name was built into it: Debian's and SUSE's, Fedora's.
printf '%s:x:32:65534::/run/rpcbind:/bin/false\n' _rpc rpc >> /etc/passwd
# rpc.statd becomes the owner of that directory.
mkdir -p /run/rpcbind /var/lib/nfs/sm /var/lib/nfs/sm.bak /run/sendsigs.omit.d
: > /var/lib/nfs/state
chown 32 /run/rpcbind
start_daemon tcp:111 rpcbind
start_daemon tcp:4000 rpc.statd --no-notify --port 4000
