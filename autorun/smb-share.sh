#!/bin/bash
# Makes what an SMB server serves, before its own script: a device in memory, or a disk with the serial SHARE, is
# mounted at /srv/NAME. Refuses what no server could be told.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh
# Which filesystem.
# shellcheck source=/dev/null
. /etc/rapido-share
: "${filesystem:?}" "${CIFS_SHARE:?}" "${CIFS_USER:?}" "${CIFS_PW:?}"

[[ $CIFS_SHARE != *[][/\\%\"]* ]] || die "CIFS_SHARE: $CIFS_SHARE cannot be the name of a share"
[[ $CIFS_USER != *[:/\\%\"[:space:]]* ]] || die "CIFS_USER: $CIFS_USER cannot be the name of a user here"
[[ $CIFS_PW != *$'\n'* ]] || die 'CIFS_PW: a password is one line'

load_modules "$filesystem=CONFIG_${filesystem^^}_FS"
mount_disk SHARE "$filesystem" "/srv/$CIFS_SHARE"
