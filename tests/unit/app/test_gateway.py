"""The composition root: what `running` puts together works, and two of them live in one process without seeing each other."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.client import MemoryClient

from tidegate.app.gateway import running
from tidegate.app.started import Started
from tidegate.app.usage import USAGE_FILE
from tidegate.control.problems import ConfigError
from tidegate.control.settings import Settings
from tidegate.proxy.server import Gateway


def settings(home: Path, config: str = "") -> Settings:
    home.mkdir()
    file = home / "tidegate.yaml"
    file.write_text(config)
    return Settings(home=home / "state", config_path=file)


async def ask(gateway: Gateway, token: str, model: str = "sandbox/echo", text: str = "Hello") -> tuple[int, Any]:
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": text}]}).encode()
    client = MemoryClient("POST", "/v1/chat/completions", {"authorization": f"Bearer {token}"}, body)
    await gateway(client)
    return client.status, client.json()


def events(home: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (home / "state" / USAGE_FILE).read_bytes().splitlines()]


async def test_two_gateways_in_one_process(tmp_path: Path) -> None:
    route = "routes: {hello: {targets: [sandbox/echo]}}\n"
    first = Started(settings(tmp_path / "one", route))
    second = Started(settings(tmp_path / "two"))
    assert first.first_token
    assert second.first_token
    async with running(first) as one, running(second) as two:
        status, answer = await ask(one, first.first_token)
        assert (status, answer["choices"][0]["message"]["content"]) == (200, "Hello")
        assert (await ask(two, second.first_token))[0] == 200
        assert (await ask(two, first.first_token))[0] == 401
        assert (await ask(one, first.first_token, "hello"))[0] == 200
        assert (await ask(two, second.first_token, "hello"))[0] == 404
    assert [event["route"] for event in events(tmp_path / "one")] == ["sandbox/echo", "hello"]
    assert [event["route"] for event in events(tmp_path / "two")] == ["sandbox/echo"]


async def test_the_key_is_made_once(tmp_path: Path) -> None:
    chosen = settings(tmp_path / "one")
    first = Started(chosen)
    again = Started(chosen)
    assert first.first_token
    assert again.first_token is None
    async with running(again) as gateway:
        assert (await ask(gateway, first.first_token))[0] == 200


def test_a_configuration_that_is_wrong_makes_no_key(tmp_path: Path) -> None:
    chosen = settings(tmp_path / "one", "routes: {hello: {targets: [nobody/x]}}\n")
    with pytest.raises(ConfigError):
        Started(chosen)
    assert not (chosen.home / "keys.json").exists()


async def test_the_built_in_sandbox_that_breaks_off_is_an_error(tmp_path: Path) -> None:
    started = Started(settings(tmp_path / "one"))
    assert started.first_token
    async with running(started) as gateway:
        status, answer = await ask(gateway, started.first_token, text='{"sandbox": {"n": 9, "mode": "rst", "die_at": 1}}')
        assert (status, answer["error"]["type"]) == (502, "server_error")
