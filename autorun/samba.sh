#!/bin/bash
# Serves the filesystem that smb-share.sh has mounted at /srv/NAME over SMB with smbd, as the share NAME for one user.
# Succeeds only if smbd listens.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh
# Which filesystem.
# shellcheck source=/dev/null
. /etc/rapido-share
: "${filesystem:?}" "${CIFS_SHARE:?}" "${CIFS_USER:?}" "${CIFS_PW:?}"

directory=/srv/$CIFS_SHARE
is_mounted "$directory" || die "nothing is mounted at $directory"

# root exists already. Any other user is created, and owns the share.
if ! grep -q "^$CIFS_USER:" /etc/passwd; then
	echo "$CIFS_USER:x:1000:1000::/root:/bin/bash" >> /etc/passwd
	echo "$CIFS_USER:x:1000:" >> /etc/group
	chown 1000:1000 "$directory"
fi

mkdir -p /etc/samba /run/samba /var/log/samba
{
	cat <<-END
		[global]
			workgroup = ${CIFS_DOMAIN:-WORKGROUP}
			server role = standalone server
			server min protocol = SMB2
			smb ports = 445
			disable netbios = yes
			disable spoolss = yes
			load printers = no
			# Only Windows programs use these helpers.
			rpc start on demand helpers = no
			passdb backend = smbpasswd:/run/samba/passwords
			private dir = /run/samba
			lock directory = /run/samba
			state directory = /run/samba
			cache directory = /run/samba
			pid directory = /run/samba
			ncalrpc dir = /run/samba/ncalrpc
			logging = file
		[$CIFS_SHARE]
			path = $directory
			read only = no
	END
	has_btrfs_module=(/usr/lib*/samba/vfs/btrfs.so /usr/lib/*/samba/vfs/btrfs.so)
	[[ $filesystem != btrfs || ! -e ${has_btrfs_module[0]} && ! -e ${has_btrfs_module[1]} ]] ||
		printf '\tvfs objects = btrfs\n'
} > /etc/samba/smb.conf

# The password is passed through a pipe, so that it is not in the arguments.
printf '%s\n%s\n' "$CIFS_PW" "$CIFS_PW" |
	smbpasswd -c /etc/samba/smb.conf -s -a "$CIFS_USER" > /run/samba/smbpasswd.log 2>&1 || {
	cat /run/samba/smbpasswd.log >&2
	die "smbpasswd could not add $CIFS_USER"
}
start_daemon tcp:445 smbd --foreground --no-process-group --debug-stdout --configfile=/etc/samba/smb.conf
echo "//$HOSTNAME/$CIFS_SHARE is $directory ($filesystem), for $CIFS_USER"
