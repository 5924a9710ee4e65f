"""Budgets in the database of a running gateway: set by the command line, live within two seconds, spent over a restart."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.e2e.wire import Provider, call
from tests.support.gateway import GatewayProcess
from tests.support.waiting import until

KEY = "a-key-that-lives-longer-than-its-process"


def budgets(gateway: GatewayProcess, *arguments: str) -> str:
    command = [sys.executable, "-m", "tidegate", "budgets", *arguments, "--home", str(gateway.home)]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=gateway.directory).stdout


def ask(gateway: GatewayProcess, output: int = 100) -> int:
    order = json.dumps({"sandbox": {"n": output}})
    body = {"model": "openai/gpt-4o", "max_tokens": output, "messages": [{"role": "user", "content": order}]}
    return call(f"{gateway.url}/v1/chat/completions", "POST", {"authorization": f"Bearer {KEY}"}, body).status


def quota(gateway: GatewayProcess) -> list[dict[str, Any]]:
    return call(f"{gateway.url}/v1/tidegate/quota", headers={"authorization": f"Bearer {KEY}"}).json()["limits"]


def test_a_budget_of_the_database_is_live_and_outlives_kill_9(tmp_path: Path, sandbox_provider: Provider) -> None:
    configuration = {
        "providers": {"openai": {"base_url": f"{sandbox_provider.url}/v1", "api_key": "env:UPSTREAM_KEY"}},
        "keys": [{"name": "lasting", "value": "env:LASTING"}],
    }
    with GatewayProcess(tmp_path, configuration, {"UPSTREAM_KEY": "secret-of-the-operator", "LASTING": KEY}) as gateway:
        until((gateway.home / "tidegate.db").exists)
        made = budgets(gateway, "create", "all of it", "--usd", "0.01", "--per", "total").strip()
        until(lambda: [line["id"] for line in quota(gateway)] == [made])
        until(lambda: ask(gateway) == 200)
        before = quota(gateway)[0]["used"]
        assert before >= 1_000_000
        gateway.stop(signal.SIGKILL)
        gateway.start()
        assert quota(gateway)[0]["limit"] == 10_000_000
        until(lambda: quota(gateway)[0]["used"] == before)
        statuses = [ask(gateway) for _ in range(12)]
        assert statuses[-1] == 429
        assert quota(gateway)[0]["used"] <= 10_000_000
        line = json.loads(budgets(gateway, "list", "--json"))
        assert (line["id"], line["used"]) == (made, quota(gateway)[0]["used"])
        budgets(gateway, "edit", made, "--usd", "1")
        until(lambda: ask(gateway) == 200)
        budgets(gateway, "delete", made)
        until(lambda: quota(gateway) == [])
