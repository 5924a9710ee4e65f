"""Credentials of a shared PostgreSQL: live on every replica, and through a start without the database."""

import base64
import re
from pathlib import Path

import httpx2
from sqlalchemy import URL
from tests.conformance.storage.test_gateway_live import ask, door_to, environ
from tests.support.gateway import GatewayProcess
from tests.support.waiting import LIVE, until

from tidegate.sandbox.server import running

CALL = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
KEK = {"TIDEGATE_KEK": base64.b64encode(b"k" * 31 + b"l").decode()}
NEW = {"name": "c", "provider": "openai", "secret": "sk-0123456789-0123456789", "shared": True}
PLACE = re.compile(r"The control API is on (http://\S+)")


def answers(gateway: GatewayProcess) -> bool:
    status = httpx2.post(f"{gateway.url}/v1/chat/completions", headers=gateway.headers, json=CALL).status_code
    assert status in (200, 400)
    return status == 200


def test_a_credential_is_live_on_every_replica_and_through_a_start_without_the_database(tmp_path: Path, postgres_url: URL) -> None:
    with running() as sandbox, door_to(postgres_url) as (door, address):
        door.open()
        config = {"providers": {"openai": {"base_url": f"{sandbox.url}/v1"}}}
        through = environ(address, **KEK)
        one = GatewayProcess(tmp_path / "one", config, through)
        with one:
            api, admin = one.admin()
            two = GatewayProcess(tmp_path / "two", config, environ(postgres_url, **KEK))
            two.join(one)
            with two:
                assert not answers(two)
                assert ask("POST", f"{api}/orgs/default/credentials", admin, NEW).status_code == 201
                for gateway in (one, two):
                    until(lambda gateway=gateway: answers(gateway), within=LIVE)
        door.shut()
        again = GatewayProcess(tmp_path / "one", config, through)
        again.key = one.key
        with again:
            until(lambda: answers(again), within=LIVE)
            door.open()
            until(lambda: len(PLACE.findall(again.log())) == 2)
            api = PLACE.findall(again.log())[-1]
            id = ask("GET", f"{api}/orgs/default/credentials", admin).json()["items"][0]["id"]
            assert ask("DELETE", f"{api}/orgs/default/credentials/{id}", admin).status_code == 204
            until(lambda: not answers(again), within=LIVE)
