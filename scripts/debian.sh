#!/bin/sh
# `sh scripts/debian.sh PACKAGE...` installs Debian packages where it may (as root, with apt-get); elsewhere it prints the one command and fails.
set -eu
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing $* with apt-get ..."
    # Only the programs are wanted: a package's own service is not started.
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
        printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
        chmod 755 /usr/sbin/policy-rc.d
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
elif command -v apt-get >/dev/null 2>&1; then
    echo "tidegate: a system package is missing. Run this, then the same make command again:" >&2
    echo "    sudo apt-get install -y $*" >&2
    exit 1
else
    echo "tidegate: this machine lacks what Debian calls: $*. Install it with the system's package manager, then run the same make command again." >&2
    exit 1
fi
