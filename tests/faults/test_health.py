"""Health of targets over the control API of a running gateway: what failed is seen, what is drained takes no calls until it is restored."""

from collections.abc import Generator
from typing import Any

import pytest
from tests.e2e.wire import Answer, Provider, call
from tests.faults.rig.judging.ending import PROVIDER_KEY, judged_at_its_end
from tests.support.gateway import GatewayProcess

from tidegate.sandbox.server import running

BODY: dict[str, Any] = {"messages": [{"role": "user", "content": "Hi"}]}
LIMITED = {"messages": [{"role": "user", "content": '{"sandbox": {"status": 429, "retry_after": 60}}'}]}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Generator[GatewayProcess]:
    with running() as sandbox:
        provider = Provider(sandbox)
        providers = {name: {"kind": "openai", "base_url": f"{provider.url}/{name}/v1", "api_key": PROVIDER_KEY} for name in ("one", "two")}
        config = {"providers": providers, "routes": {"both": {"targets": ["one/gpt-4o", "two/gpt-4o"], "retries": 0}}}
        with (
            GatewayProcess(tmp_path_factory.mktemp("health"), config) as started,
            judged_at_its_end([started], provider.port, secrets={"its key": PROVIDER_KEY}),
        ):
            yield started


def ask(gateway: GatewayProcess, model: str, body: dict[str, Any]) -> Answer:
    return call(f"{gateway.url}/v1/chat/completions", "POST", gateway.headers, {"model": model, **body})


def test_targets_are_listed_drained_and_restored(gateway: GatewayProcess) -> None:
    url, key = gateway.admin()
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}

    def control(path: str = "", target: str = "") -> dict[str, Any]:
        method, body = ("POST", {"target": target}) if path else ("GET", None)
        answer = call(f"{url}/health/targets{path}", method, headers, body)
        assert answer.status == 200, answer.body
        return {row["target"]: row for row in answer.json()["items"]} | {"drained": answer.json()["drained"]}

    assert ask(gateway, "both", BODY).headers["x-tidegate-target"] == "one/gpt-4o"
    row = control()["one/gpt-4o"]
    assert (row["state"], row["ok"], row["failed"], row["in_flight"], row["drained"]) == ("closed", 1, 0, 0, False)
    assert row["first_content_seconds"] > 0
    assert control("/drain", "one/*")["drained"] == ["one/*"]
    assert control()["one/gpt-4o"]["drained"] is True
    assert ask(gateway, "both", BODY).headers["x-tidegate-target"] == "two/gpt-4o"
    refused = ask(gateway, "one/gpt-4o", BODY)
    assert (refused.status, refused.json()["error"]["code"]) == (503, "target_drained")
    assert b"tidegate_drained 1.0" in call(f"{gateway.url}/metrics").body
    assert control("/restore", "one/*")["drained"] == []
    assert ask(gateway, "one/gpt-4o", LIMITED).status == 429
    row = control()["one/gpt-4o"]
    assert (row["state"], row["failed"]) == ("open", 1)
    assert 50 < row["rest_seconds"] < 73
    assert "rate_limit" in row["last_error"]
    assert ask(gateway, "both", BODY).headers["x-tidegate-target"] == "two/gpt-4o"
    assert control("/restore", "one/gpt-4o")["one/gpt-4o"]["state"] == "closed"
    assert ask(gateway, "both", BODY).headers["x-tidegate-target"] == "one/gpt-4o"


@pytest.mark.parametrize("target", ["", "openai", "a b/c", "a/", "/a", "oen/gpt-4o"])
def test_what_is_no_target_is_refused(gateway: GatewayProcess, target: str) -> None:
    url, key = gateway.admin()
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    assert call(f"{url}/health/targets/drain", "POST", headers, {"target": target}).status == 400
