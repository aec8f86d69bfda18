#!/bin/bash
# Mounts an NFS export: NFS_SERVER:NFS_SHARE at /mnt/nfs.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh
: "${NFS_SERVER:?}" "${NFS_SHARE:?}"
refuse_this_vm "$NFS_SERVER" NFS_SERVER

load_modules nfs=CONFIG_NFS_FS
# An IPv6 address must be in brackets.
server=$NFS_SERVER
[[ $server != *:* || $server == \[* ]] || server="[$server]"
mount_filesystem nfs "$server:/${NFS_SHARE#/}" /mnt/nfs ${NFS_MOUNT_OPTS:+-o "${NFS_MOUNT_OPTS#-o }"}
findmnt --noheadings --output SOURCE,FSTYPE,TARGET /mnt/nfs
