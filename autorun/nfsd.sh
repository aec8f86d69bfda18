#!/bin/bash
# Exports a filesystem over NFS, versions 3 and 4. A device in memory, or a disk with the serial SHARE, is
# mounted at NFS_SHARE, which any client may mount and write as root. Succeeds only if nfsd listens.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh
# Which filesystem.
# shellcheck source=/dev/null
. /etc/rapido-share
: "${filesystem:?}" "${NFS_SHARE:?}"

directory=/${NFS_SHARE#/}
[[ $directory != *[[:space:]\"\\]* ]] || die "NFS_SHARE: $NFS_SHARE cannot be exported: it contains a blank, a quote or a backslash"
there=("$directory"/*)
[[ ! -e ${there[0]} ]] || die "NFS_SHARE: $directory is a directory of the VM itself"

load_modules "$filesystem=CONFIG_${filesystem^^}_FS" nfsd=CONFIG_NFSD
mount_disk SHARE "$filesystem" "$directory"
mount_once nfsd /proc/fs/nfsd

# mountd serves clients that request an export (v3), and the kernel, which queries the permissions of clients.
mkdir -p /var/lib/nfs/v4recovery
: > /var/lib/nfs/rmtab
: > /var/lib/nfs/etab
echo "$directory *(rw,no_root_squash,no_subtree_check,insecure,sec=sys,fsid=1)" > /etc/exports
exportfs -a || die "exportfs rejected $directory ($filesystem)"
start_daemon tcp:20048 rpc.mountd --port 20048
rpc.nfsd 8 || die 'rpc.nfsd could not start the server'
is_listening tcp:2049 || die 'nfsd does not listen at tcp:2049'
# No client has state from an earlier boot, so end the grace period.
echo Y > /proc/fs/nfsd/v4_end_grace
[[ ! -w /proc/fs/lockd/nlm_end_grace ]] || echo Y > /proc/fs/lockd/nlm_end_grace
echo "$HOSTNAME:$directory is exported ($filesystem)"
