#!/bin/sh
# Makes .venv with the quickest Python >= 3.11 found (or $PYTHON), and says what to do where that cannot be. Harmless when .venv is good.
# Builds of the same Python differ by 40 % in speed (a distribution's is optimised by a profile, one from pyenv seldom is), and the
# interpreter is most of what a call costs.
set -eu
cd "$(dirname "$0")/.."

enough='import sys; sys.exit(sys.version_info < (3, 11))'

if .venv/bin/python -c "$enough" 2>/dev/null && .venv/bin/python -m pip --version >/dev/null 2>&1; then
    exit 0
fi

# The candidates that are new enough, the quickest first; one that is not at least a sixth quicker does not pass an earlier one.
found() {
    for name in python3 python3.14 python3.13 python3.12 python3.11 python; do
        IFS=:
        for folder in $PATH; do
            [ -x "$folder/$name" ] && "$folder/$name" -c "$enough" 2>/dev/null && echo "$folder/$name"
        done
        unset IFS
    done
}

make_venv() {
    rm -rf .venv
    said=$("$1" -m venv .venv 2>&1) && .venv/bin/python -m pip --version >/dev/null 2>&1
}

if [ -n "${PYTHON:-}" ]; then
    candidates=$PYTHON
else
    first=$(found | head -n 1)
    if [ -z "$first" ]; then
        echo "tidegate: Python 3.11 or newer is needed and was not found. Install it, or name it: make PYTHON=/path/to/python3 run" >&2
        exit 1
    fi
    candidates=$(found | "$first" scripts/quickest_python.py)
fi

said=
for python in $candidates; do
    echo "Making .venv with $("$python" --version) ($python) ..."
    make_venv "$python" && exit 0
done
# Debian and Ubuntu keep ensurepip in a package of its own, named after the Python version.
python=$(echo "$candidates" | head -n 1)
package="python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
sh scripts/debian.sh "$package" || { rm -rf .venv; exit 1; }
make_venv "$python" || { echo "$said" >&2; rm -rf .venv; exit 1; }
