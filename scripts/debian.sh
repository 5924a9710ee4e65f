#!/bin/sh
# `sh scripts/debian.sh PACKAGE...` installs Debian packages where it may (as root, with apt-get); elsewhere it prints the one command and fails.
set -eu
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing $* with apt-get ..."
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
