"""Frameworks that people build on, unmodified, each with a loop of three turns of tools: the scripts of `clients`, in a virtual environment
of their own (`requirements/clients.txt`)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.conftest import CLAUDE
from tests.support.gateway import GatewayProcess

CLIENTS = Path(__file__).parent / "clients"
PYTHON = Path(sys.prefix) / "clients" / "bin" / "python"


@pytest.mark.parametrize("model", [CLAUDE, "plain/gpt-4o"], ids=["anthropic", "openai_chat"])
@pytest.mark.parametrize(("client", "checks"), [("pydantic_ai_client", 6), ("openai_agents_client", 4), ("llm_client", 2)])
def test_a_framework_goes_through_three_tools(gateway: GatewayProcess, tmp_path: Path, client: str, checks: int, model: str) -> None:
    if not PYTHON.exists():
        pytest.skip("the frameworks are not installed: `make install` does it")
    environ = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(tmp_path)}
    environ |= {"GATEWAY": gateway.url, "KEY": gateway.key, "MODEL": model}
    done = subprocess.run([PYTHON, CLIENTS / f"{client}.py"], env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["answer"], one["called"]) for one in told] == [("Done: 3.", [0, 1, 2])] * checks
