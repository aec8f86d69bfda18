#!/bin/bash
# Serves the filesystem that smb-share.sh has mounted at /srv/NAME over SMB with the kernel's server, ksmbd, as the
# share NAME for one user. Succeeds only if ksmbd listens.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh
# Which filesystem.
# shellcheck source=/dev/null
. /etc/rapido-share
: "${filesystem:?}" "${CIFS_SHARE:?}" "${CIFS_USER:?}" "${CIFS_PW:?}"

# Kernels since April 2024 reject shares of older tools, and clients get "No such file or directory".
warn_of_old_tools() {
	local version parts
	version=$(ksmbd.mountd --version 2>&1) || :
	version=${version##* }
	IFS=. read -r -a parts <<< "$version"
	[[ ${#parts[@]} == 3 && ${parts[*]} != *[!0-9\ ]* ]] || return 0
	((parts[0] * 10000 + parts[1] * 100 + parts[2] >= 30502)) ||
		echo "ksmbd: ksmbd-tools $version is older than 3.5.2: a recent kernel rejects its shares (set KSMBD_TOOLS_SRC)" >&2
}

directory=/srv/$CIFS_SHARE
is_mounted "$directory" || die "nothing is mounted at $directory"
load_modules ksmbd=CONFIG_SMB_SERVER

# One program has all functions, selected by its name. A program built by the user has its files below /usr/local.
mkdir -p /usr/local/sbin /usr/local/etc /usr/local/var/run /etc/ksmbd
ln -s /etc/ksmbd /usr/local/etc/ksmbd
for name in mountd adduser control; do
	ln -sf "$(type -P ksmbd.tools)" "/usr/local/sbin/ksmbd.$name"
done
warn_of_old_tools
cat > /etc/ksmbd/ksmbd.conf <<-END
	[global]
		workgroup = ${CIFS_DOMAIN:-WORKGROUP}
		netbios name = $HOSTNAME
	[$CIFS_SHARE]
		path = $directory
		read only = no
		force user = root
		force group = root
END

# The password is passed through a pipe, so that it is not in the arguments.
printf '%s\n%s\n' "$CIFS_PW" "$CIFS_PW" | ksmbd.adduser -a "$CIFS_USER" > /run/adduser.log 2>&1 || {
	cat /run/adduser.log >&2
	die "ksmbd.adduser could not add $CIFS_USER"
}
start_daemon tcp:445 ksmbd.mountd -n
echo "//$HOSTNAME/$CIFS_SHARE is $directory ($filesystem), for $CIFS_USER"
