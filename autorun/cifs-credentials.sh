#!/bin/bash
# Writes who mounts SMB shares to /etc/cifs-credentials, for `mount -o credentials=…`: a password among
# a command's arguments could be read in /proc.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh
: "${CIFS_USER:?}" "${CIFS_PW:?}"
[[ $CIFS_PW != *$'\n'* ]] || die 'CIFS_PW: a password is one line'

umask 077
{
	printf 'username=%s\npassword=%s\n' "$CIFS_USER" "$CIFS_PW"
	[[ -z ${CIFS_DOMAIN-} ]] || printf 'domain=%s\n' "$CIFS_DOMAIN"
} > /etc/cifs-credentials
