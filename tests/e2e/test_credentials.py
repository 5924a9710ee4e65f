"""Credentials that the database keeps, through a gateway that runs: made by the control API, carried by calls, rotated under load, gone."""

import hashlib
import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.e2e.wire import Provider
from tests.support.gateway import GatewayProcess
from tests.support.waiting import LIVE, until

SHARED, SECOND, OF_ACME = "sk-shared-0123456789-abcd", "sk-second-0123456789-efgh", "sk-of-acme-0123456789-ijkl"


class Api:
    """The control API of a gateway, asked as its first admin."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self.gateway = gateway
        self.url, self.token = gateway.admin()

    def ask(self, method: str, path: str, body: Any = None) -> httpx2.Response:
        return httpx2.request(method, self.url + path, headers={"authorization": f"Bearer {self.token}", "if-match": "*"}, json=body)

    def credential(self, org: str, secret: str, **more: Any) -> str:
        body = {"name": secret[:12], "provider": "openai", "secret": secret, **more}
        made = self.ask("POST", f"/orgs/{org}/credentials", body)
        assert made.status_code == 201, made.text
        assert secret not in made.text
        return made.json()["id"]

    def key(self, org: str) -> str:
        made = self.ask("POST", f"/orgs/{org}/keys", {"name": "k", "owner_kind": "org", "owner_id": org})
        assert made.status_code == 201, made.text
        return made.json()["token"]


def config(provider: Provider, folder: str = "") -> dict[str, Any]:
    return {"providers": {"openai": {"base_url": f"{provider.url}{folder}/v1"}}}


@pytest.fixture
def gateway(tmp_path: Path, provider: Provider) -> Iterator[GatewayProcess]:
    with GatewayProcess(tmp_path, config(provider)) as started:
        yield started


def ask(gateway: GatewayProcess, token: str) -> httpx2.Response:
    body = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
    return httpx2.post(f"{gateway.url}/v1/chat/completions", headers={"authorization": f"Bearer {token}"}, json=body)


def targets(gateway: GatewayProcess) -> list[Any]:
    """Where a call would go now."""
    body = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
    headers = {"authorization": f"Bearer {gateway.key}"}
    return httpx2.post(f"{gateway.url}/v1/tidegate/explain", headers=headers, json=body).json().get("targets", [])


def carried(provider: Provider) -> str:
    return provider.request().headers["authorization"].removeprefix("Bearer ")


def test_a_credential_opens_its_provider_is_rotated_and_closes_it(gateway: GatewayProcess, provider: Provider) -> None:
    api = Api(gateway)
    refused = ask(gateway, gateway.key)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "provider_not_configured")
    id = api.credential("default", SHARED, shared=True)
    until(lambda: ask(gateway, gateway.key).status_code == 200, within=LIVE)
    assert carried(provider) == SHARED

    statuses: list[int] = []
    ended = threading.Event()

    def calls() -> None:
        while not ended.is_set():
            statuses.append(ask(gateway, gateway.key).status_code)

    caller = threading.Thread(target=calls)
    caller.start()
    assert api.ask("POST", f"/orgs/default/credentials/{id}/rotate", {"secret": SECOND}).status_code == 200
    until(lambda: carried(provider) == SECOND, within=LIVE)
    ended.set()
    caller.join()
    assert set(statuses) == {200}

    assert api.ask("DELETE", f"/orgs/default/credentials/{id}").status_code == 204
    until(lambda: ask(gateway, gateway.key).status_code == 400, within=LIVE)


def test_the_credential_of_one_organisation_is_never_used_for_another(gateway: GatewayProcess, provider: Provider) -> None:
    api = Api(gateway)
    for org in ("acme", "other"):
        assert api.ask("POST", "/orgs", {"id": org, "name": org}).status_code == 201
    acme, other = api.key("acme"), api.key("other")
    own = api.credential("acme", OF_ACME)
    until(lambda: ask(gateway, acme).status_code == 200, within=LIVE)
    until(lambda: ask(gateway, other).status_code == 400, within=LIVE)
    api.credential("default", SHARED, shared=True)
    until(lambda: ask(gateway, other).status_code == 200, within=LIVE)
    assert carried(provider) == SHARED
    assert ask(gateway, acme).status_code == 200
    assert carried(provider) == OF_ACME
    assert api.ask("POST", f"/orgs/acme/credentials/{own}/disable").status_code == 200
    until(lambda: ask(gateway, acme).status_code == 200 and carried(provider) == SHARED, within=LIVE)
    seen = {(entry.headers["authorization"], entry.path) for entry in provider.requests()}
    assert seen == {(f"Bearer {secret}", "/v1/chat/completions") for secret in (SHARED, OF_ACME)}


def test_of_several_the_next_takes_over_at_a_limit_and_clients_learn_when_the_first_opens_again(
    gateway: GatewayProcess, provider: Provider
) -> None:
    api = Api(gateway)
    api.credential("default", SHARED, shared=True, limits={"requests_per_hour": 1})
    api.credential("default", SECOND, shared=True, limits={"requests_per_hour": 2})
    until(lambda: len(targets(gateway)) == 2, within=LIVE)
    answers = [ask(gateway, gateway.key) for _ in range(6)]
    used = [entry.headers["authorization"].removeprefix("Bearer ") for entry in provider.requests()]
    assert sorted(used) == sorted([SHARED, SECOND, SECOND])
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429, 429]
    for refused in answers[3:]:
        error = refused.json()["error"]
        assert "The gateway's own limit of requests at `openai` is reached. It opens again " in error["message"]
        assert SHARED[:12] not in refused.text and SECOND[:12] not in refused.text
        assert 1700 < int(refused.headers["retry-after"]) <= 1800
    assert not [name for answer in answers for name in answer.headers if name.startswith("x-ratelimit")]


def test_a_credential_does_not_follow_its_provider_elsewhere(gateway: GatewayProcess, provider: Provider) -> None:
    api = Api(gateway)
    api.credential("default", SHARED, shared=True)
    until(lambda: ask(gateway, gateway.key).status_code == 200, within=LIVE)
    moved = config(provider)
    moved["providers"]["openai"]["base_url"] = provider.url.replace("127.0.0.1", "localhost") + "/v1"
    gateway.configure(moved)
    until(lambda: ask(gateway, gateway.key).status_code == 400, within=LIVE)
    assert "enter it again" in gateway.log()
    gateway.configure(config(provider))
    until(lambda: ask(gateway, gateway.key).status_code == 200, within=LIVE)


def test_a_broken_file_keeps_no_credential_alive_and_none_is_in_clear(gateway: GatewayProcess, provider: Provider) -> None:
    api = Api(gateway)
    id = api.credential("default", SHARED, shared=True)
    until(lambda: ask(gateway, gateway.key).status_code == 200, within=LIVE)
    gateway.configure("providers: {openai: {base_urrl: x}}")
    until(lambda: "configuration refused" in gateway.log(), within=LIVE)
    assert api.ask("POST", f"/orgs/default/credentials/{id}/disable").status_code == 200
    until(lambda: ask(gateway, gateway.key).status_code == 400, within=LIVE)
    gateway.configure(config(provider))
    gateway.stop()
    for path in gateway.directory.rglob("*"):
        assert not path.is_file() or SHARED.encode() not in path.read_bytes(), path
    assert (gateway.home / "configuration.snapshot").exists()


def test_the_command_line_makes_one_for_a_gateway_that_runs(gateway: GatewayProcess, provider: Provider) -> None:
    until((gateway.home / "tidegate.db").exists)
    gateway.admin()
    command = [sys.executable, "-m", "tidegate", "credentials", "create", "openai", "--shared", "--home", str(gateway.home)]
    subprocess.run(command, check=True, input=SHARED, text=True, capture_output=True, cwd=gateway.directory)
    until(lambda: ask(gateway, gateway.key).status_code == 200, within=LIVE)
    assert carried(provider) == SHARED


def test_a_key_that_is_lost_ends_the_start(gateway: GatewayProcess, provider: Provider) -> None:
    Api(gateway).credential("default", SHARED, shared=True)
    gateway.stop()
    (gateway.home / "kek").unlink()
    again = GatewayProcess(gateway.directory, config(provider))
    again.key = gateway.key
    with pytest.raises(Exception, match="put it back from the backup"), again:
        until(lambda: "put it back" in again.log(), within=LIVE)
    assert not (gateway.home / "kek").exists()
    with sqlite3.connect(gateway.home / "tidegate.db") as database:
        assert database.execute("SELECT count(*) FROM credential").fetchone() == (1,)


def test_keys_of_another_gateway_go_on_working(gateway: GatewayProcess, provider: Provider) -> None:
    api = Api(gateway)
    api.credential("default", SHARED, shared=True)
    value, hashed = "sk-Rk7qP0v1mZ8yT3wX5nB9", "sk-Qk7qP0v1mZ8yT3wX5nB8"
    listed = {"keys": [{"token": hashlib.sha256(hashed.encode()).hexdigest(), "key_alias": "core"}]}
    for text in (f"name,value\nci,{value}\n", json.dumps(listed)):
        command = [sys.executable, "-m", "tidegate", "keys", "import", "-", "--home", str(gateway.home)]
        done = subprocess.run(command, check=True, input=text, text=True, capture_output=True, cwd=gateway.directory)
        assert "Imported 1 keys" in done.stderr
    for token in (value, hashed):
        until(lambda token=token: ask(gateway, token).status_code == 200, within=LIVE)
        assert carried(provider) == SHARED
    id = done.stdout.strip()
    assert api.ask("POST", f"/orgs/default/keys/{id}/revoke").status_code == 200
    until(lambda: ask(gateway, hashed).status_code == 401, within=LIVE)
    assert ask(gateway, value).status_code == 200
