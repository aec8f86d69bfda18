#!/bin/bash
# Mounts an SMB share with the kernel's client: //CIFS_SERVER/CIFS_SHARE at /mnt/cifs.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh
: "${CIFS_SERVER:?}" "${CIFS_SHARE:?}"
refuse_this_vm "$CIFS_SERVER" CIFS_SERVER

load_modules cifs=CONFIG_CIFS
mount_filesystem cifs "//$CIFS_SERVER/$CIFS_SHARE" /mnt/cifs \
	-o "credentials=/etc/cifs-credentials${CIFS_MOUNT_OPTS:+,$CIFS_MOUNT_OPTS}"
findmnt --noheadings --output SOURCE,FSTYPE,TARGET /mnt/cifs
