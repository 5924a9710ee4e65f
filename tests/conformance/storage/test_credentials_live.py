"""Credentials of a shared PostgreSQL: live on every replica, and through a start without the database."""

import base64
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import URL
from tests.conformance.storage.test_gateway_live import LIVE, admin_of, ask, environ, until
from tests.support import databases
from tests.support.door import Door
from tests.support.gateway import GatewayProcess

from tidegate.sandbox.server import running

CALL = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
KEK = {"TIDEGATE_KEK": base64.b64encode(b"k" * 31 + b"l").decode()}
NEW = {"name": "c", "provider": "openai", "secret": "sk-0123456789-0123456789", "shared": True}
PLACE = re.compile(r"The control API is on (http://\S+)")


@pytest.fixture
async def url(postgres: dict[str, str]) -> Any:
    async with databases.postgres_url(postgres) as made:
        yield made


def answers(gateway: GatewayProcess) -> bool:
    status = httpx2.post(f"{gateway.url}/v1/chat/completions", headers=gateway.headers, json=CALL).status_code
    assert status in (200, 400)
    return status == 200


def test_a_credential_is_live_on_every_replica_and_through_a_start_without_the_database(tmp_path: Path, url: URL) -> None:
    assert url.host
    assert url.port
    with running() as sandbox, Door(url.host, url.port) as door:
        door.open()
        config = {"providers": {"openai": {"base_url": f"{sandbox.url}/v1"}}}
        through = environ(url.set(host="127.0.0.1", port=door.port), **KEK)
        one = GatewayProcess(tmp_path / "one", config, through)
        with one:
            api, admin = admin_of(one)
            two = GatewayProcess(tmp_path / "two", config, environ(url, **KEK))
            two.home.mkdir(parents=True)
            (two.home / "pepper").write_bytes((one.home / "pepper").read_bytes())
            with two:
                assert not answers(two)
                assert ask("POST", f"{api}/orgs/default/credentials", admin, NEW).status_code == 201
                for gateway in (one, two):
                    until(lambda gateway=gateway: answers(gateway), LIVE)
        door.shut()
        again = GatewayProcess(tmp_path / "one", config, through)
        again.key = one.key
        with again:
            until(lambda: answers(again), LIVE)
            door.open()
            until(lambda: len(PLACE.findall(again.log())) == 2)
            api = PLACE.findall(again.log())[-1]
            id = ask("GET", f"{api}/orgs/default/credentials", admin).json()["items"][0]["id"]
            assert ask("DELETE", f"{api}/orgs/default/credentials/{id}", admin).status_code == 204
            until(lambda: not answers(again), LIVE)
