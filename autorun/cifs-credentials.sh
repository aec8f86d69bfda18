#!/bin/bash
# Writes user and password for SMB shares to /etc/cifs-credentials, for `mount -o credentials=…`. A password in
# the arguments of a command could be read in /proc.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh
: "${CIFS_USER:?}" "${CIFS_PW:?}"
[[ $CIFS_PW != *$'\n'* ]] || die 'CIFS_PW: the password must be one line'

umask 077
{
	printf 'username=%s\npassword=%s\n' "$CIFS_USER" "$CIFS_PW"
	[[ -z ${CIFS_DOMAIN-} ]] || printf 'domain=%s\n' "$CIFS_DOMAIN"
} > /etc/cifs-credentials
