#!/bin/bash
# Mounts the filesystem for an SMB server, before the server's own script: a device in memory, or a disk with the
# serial SHARE, at /srv/NAME. Rejects names and passwords that no server supports.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh
# Which filesystem.
# shellcheck source=/dev/null
. /etc/rapido-share
: "${filesystem:?}" "${CIFS_SHARE:?}" "${CIFS_USER:?}" "${CIFS_PW:?}"

[[ $CIFS_SHARE != *[][/\\%\"]* ]] || die "CIFS_SHARE: $CIFS_SHARE cannot be the name of a share"
[[ $CIFS_USER != *[:/\\%\"[:space:]]* ]] || die "CIFS_USER: $CIFS_USER cannot be the name of a user"
[[ $CIFS_PW != *$'\n'* ]] || die 'CIFS_PW: the password must be one line'

load_modules "$filesystem=CONFIG_${filesystem^^}_FS"
mount_disk SHARE "$filesystem" "/srv/$CIFS_SHARE"
