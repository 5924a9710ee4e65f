"""The control API of a process that runs, on its own listener: the first admin key, and what the listeners refuse of each other."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx2
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.support.gateway import GatewayError, GatewayProcess
from tests.support.waiting import until


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with GatewayProcess(tmp_path_factory.mktemp("control")) as started:
        yield started


@pytest.fixture(scope="module")
def admin(gateway: GatewayProcess) -> tuple[str, str]:
    """(address, admin key) as the start printed them."""
    return printed(gateway)


def printed(gateway: GatewayProcess, within: float = 30.0) -> tuple[str, str]:
    until = time.monotonic() + within
    while time.monotonic() < until:
        url = re.search(r"The control API is on (http://\S+)", gateway.log())
        if url is not None:
            key = re.search(r"^    (tgk_adm_\w+)$", gateway.log(), re.M)
            return url[1], key[1] if key is not None else ""
        time.sleep(0.05)
    raise TimeoutError(gateway.log())


def ask(url: str, token: str, **options: Any) -> httpx2.Response:
    return httpx2.request(options.pop("method", "GET"), url, headers={"authorization": f"Bearer {token}"}, **options)


def test_the_first_admin_asks_and_makes_a_team(gateway: GatewayProcess, admin: tuple[str, str]) -> None:
    url, key = admin
    assert key
    assert ask(f"{url}/me", key).status_code == 200
    made = ask(f"{url}/orgs/default/teams", key, method="POST", json={"name": "search"})
    assert made.status_code == 201
    assert [team["name"] for team in ask(f"{url}/orgs/default/teams", key).json()["items"]] == ["search"]


def test_each_listener_refuses_the_other_ones_keys_and_paths(gateway: GatewayProcess, admin: tuple[str, str]) -> None:
    url, key = admin
    assert ask(f"{url}/me", gateway.key).status_code == 401
    assert ask(f"{gateway.url}/v1/models", key).status_code == 401
    assert ask(f"{gateway.url}/api/v1/me", key).status_code == 404
    assert httpx2.get(url.removesuffix("/api/v1") + "/v1/models").status_code == 404


def test_usage_is_told_by_the_control_api(gateway: GatewayProcess, admin: tuple[str, str]) -> None:
    url, key = admin
    call = {"model": "sandbox/echo", "messages": [{"role": "user", "content": "Hi"}]}
    assert httpx2.post(f"{gateway.url}/v1/chat/completions", headers=gateway.headers, json=call).status_code == 200
    gateway.usage(1, within=30)
    report = ask(f"{url}/orgs/default/usage", key, params={"by": "model", "model": "echo"}).json()
    assert report["total"]["requests"] == 1


def test_a_key_that_was_made_here_signs_for_clients_of_aws(gateway: GatewayProcess, admin: tuple[str, str]) -> None:
    url, key = admin
    made = ask(f"{url}/orgs/default/keys", key, method="POST", json={"name": "boto"}).json()
    client: Any = boto3.client(
        "bedrock-runtime",
        region_name="eu-central-1",
        endpoint_url=gateway.url,
        aws_access_key_id=made["id"],
        aws_secret_access_key=made["aws_secret_access_key"],
        config=Config(retries={"total_max_attempts": 1}, read_timeout=20),
    )
    asked = {"modelId": "sandbox/claude", "messages": [{"role": "user", "content": [{"text": "Hi"}]}]}
    assert client.converse(**asked)["output"]["message"]["role"] == "assistant"
    assert ask(f"{url}/orgs/default/keys/{made['id']}/disable", key, method="POST").status_code == 200
    until = time.monotonic() + 10
    with pytest.raises(ClientError, match="was disabled"):
        while time.monotonic() < until:
            client.converse(**asked)


def turned_away(gateway: GatewayProcess, priority: str) -> int:
    """Calls that were refused because their turn did not come."""
    found = re.search(
        rf'tidegate_turned_away_total{{priority="{priority}",short="limit"}} (\d+)', httpx2.get(f"{gateway.url}/metrics").text
    )
    return 0 if found is None else int(found[1])


def test_how_important_a_key_is_reaches_the_queue_without_a_restart(gateway: GatewayProcess, admin: tuple[str, str]) -> None:
    url, key = admin
    made = ask(f"{url}/orgs/default/keys", key, method="POST", json={"name": "nightly", "priority": "batch"}).json()
    of_key = f"{url}/orgs/default/keys/{made['id']}"

    def edit(priority: str) -> httpx2.Response:
        headers = {"authorization": f"Bearer {key}", "if-match": ask(of_key, key).headers["etag"]}
        return httpx2.patch(of_key, headers=headers, json={"priority": priority})

    limit = {"name": "one", "scope": "key", "scope_id": made["id"], "measure": "concurrent", "per": "moment", "amount": 1}
    assert ask(f"{url}/orgs/default/limits", key, method="POST", json=limit).status_code == 201
    until(lambda: ask(f"{gateway.url}/v1/tidegate/quota", made["token"]).json().get("limits"))
    chat = f"{gateway.url}/v1/chat/completions"
    slow = {"model": "sandbox/echo", "stream": True, "messages": [{"role": "user", "content": '{"sandbox": {"n": 2, "gap_ms": 60000}}'}]}
    quick = {"model": "sandbox/echo", "messages": [{"role": "user", "content": "Hi"}]}
    with httpx2.stream("POST", chat, headers={"authorization": f"Bearer {made['token']}"}, json=slow, timeout=60) as running:
        assert running.status_code == 200
        assert ask(chat, made["token"], method="POST", json=quick).status_code == 429
        assert (turned_away(gateway, "batch"), turned_away(gateway, "background")) == (1, 0)
        assert edit("background").json()["priority"] == "background"
        until(lambda: ask(chat, made["token"], method="POST", json=quick).status_code == 429 and turned_away(gateway, "background"))
    assert edit("urgent").status_code == 400
    assert ask(f"{of_key}/revoke", key, method="POST").status_code == 200


def test_the_admin_key_is_shown_once(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path) as first:
        assert printed(first)[1]
    again = GatewayProcess(tmp_path)
    again.key = first.key
    first.log_path.unlink()
    with again:
        assert printed(again)[1] == ""


def test_a_taken_port_is_told_with_its_variable(gateway: GatewayProcess, tmp_path: Path) -> None:
    second = GatewayProcess(tmp_path, environ={"TIDEGATE_ADMIN_PORT": str(gateway.port)})
    with pytest.raises(GatewayError, match=r"TIDEGATE_ADMIN_PORT: 127\.0\.0\.1:\d+ cannot be used"):
        second.start()
