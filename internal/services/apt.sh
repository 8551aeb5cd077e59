# Installs the packages that are its arguments, as root, and starts none of the
# services that they bring: while they are installed, a policy forbids it. A
# policy that the machine has already, as most containers do, stays as it is.
set -eu
export DEBIAN_FRONTEND=noninteractive
exec 9>/run/lock/pawl-services
flock 9

policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap 'rm -f "$policy"' EXIT
	trap 'exit 1' HUP INT TERM
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
fi
apt-get -q -o DPkg::Lock::Timeout=300 update
apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
