#!/bin/sh
# Makes .venv with the first Python >= 3.11 found (or $PYTHON), and says what to do where that cannot be. Harmless when .venv is good.
set -eu
cd "$(dirname "$0")/.."

enough='import sys; sys.exit(sys.version_info < (3, 11))'

if .venv/bin/python -c "$enough" 2>/dev/null && .venv/bin/python -m pip --version >/dev/null 2>&1; then
    exit 0
fi

python=
for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python; do
    if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -c "$enough" 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "tidegate: Python 3.11 or newer is needed and was not found. Install it, or name it: make PYTHON=/path/to/python3 run" >&2
    exit 1
fi

make_venv() {
    rm -rf .venv
    said=$("$python" -m venv .venv 2>&1) && .venv/bin/python -m pip --version >/dev/null 2>&1
}

echo "Making .venv with $("$python" --version) ..."
if ! make_venv; then
    # Debian and Ubuntu keep ensurepip in a package of its own, named after the Python version.
    package="python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
    sh scripts/debian.sh "$package" || { rm -rf .venv; exit 1; }
    make_venv || { echo "$said" >&2; rm -rf .venv; exit 1; }
fi
