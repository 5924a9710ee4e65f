"""Whole gateways on a real PostgreSQL: keys that the control API makes and ends, on every replica, and a database that comes and goes."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import URL
from tests.support import databases
from tests.support.door import Door
from tests.support.gateway import GatewayError, GatewayProcess
from tests.support.waiting import LIVE, until

from tidegate.policy.keys import format_token

CALL = {"model": "sandbox/echo", "messages": [{"role": "user", "content": "Hi"}]}
STRANGE = format_token("live", "4fGh71kLmN0p", "A" * 43)


def environ(url: URL, **more: str) -> dict[str, str]:
    return {"TIDEGATE_DATABASE_URL": url.render_as_string(hide_password=False), **more}


@contextlib.contextmanager
def replicas(folder: Path, url: URL, count: int) -> Iterator[list[GatewayProcess]]:
    """Gateways of one pepper on one database."""
    made = [GatewayProcess(folder / str(number), environ=environ(url)) for number in range(count)]
    with contextlib.ExitStack() as stack:
        stack.enter_context(made[0])
        for other in made[1:]:
            other.join(made[0])
            stack.enter_context(other)
        yield made


@contextlib.contextmanager
def door_to(url: URL) -> Iterator[tuple[Door, URL]]:
    """A door before the database, and the address that leads through it."""
    assert url.host
    assert url.port
    with Door(url.host, url.port) as door:
        yield door, url.set(host="127.0.0.1", port=door.port)


def ask(method: str, url: str, token: str, body: Any = None) -> Any:
    return httpx2.request(method, url, headers={"authorization": f"Bearer {token}", "if-match": "*"}, json=body)


def status_of(gateway: GatewayProcess, token: str) -> int:
    return httpx2.post(f"{gateway.url}/v1/chat/completions", headers={"authorization": f"Bearer {token}"}, json=CALL).status_code


def test_keys_and_prices_are_live_on_every_replica(tmp_path: Path, postgres_url: URL) -> None:
    with replicas(tmp_path, postgres_url, 2) as (one, two):
        api, admin = one.admin()
        until(lambda: status_of(two, STRANGE) == 401, within=LIVE)  # it has its database
        made = ask("POST", f"{api}/orgs/default/keys", admin, {"name": "k", "owner_kind": "org", "owner_id": "default"}).json()
        # A key that is not known yet is asked for.
        assert [status_of(gateway, made["token"]) for gateway in (one, two)] == [200, 200]
        ask("POST", f"{api}/orgs/default/keys/{made['id']}/disable", admin)
        for gateway in (one, two):
            until(lambda gateway=gateway: status_of(gateway, made["token"]) == 401, within=LIVE)
        ask("POST", f"{api}/orgs/default/keys/{made['id']}/enable", admin)
        for gateway in (one, two):
            until(lambda gateway=gateway: status_of(gateway, made["token"]) == 200, within=LIVE)
        ask("POST", f"{api}/orgs/default/keys/{made['id']}/revoke", admin)
        for gateway in (one, two):
            until(lambda gateway=gateway: status_of(gateway, made["token"]) == 401, within=LIVE)
        price = {"name": "sandbox/echo", "entry": {"input": 1, "output": 2}}
        id = ask("POST", f"{api}/prices", admin, price).json()["id"]
        for gateway in (one, two):
            until(lambda gateway=gateway: price_of(gateway) == f"{id}@1", within=LIVE)
        ask("PATCH", f"{api}/prices/{id}", admin, {"entry": {"input": 2, "output": 2}})
        for gateway in (one, two):
            until(lambda gateway=gateway: price_of(gateway) == f"{id}@2", within=LIVE)


def price_of(gateway: GatewayProcess) -> str | None:
    """Which price the last call that is told had, and one more call."""
    assert status_of(gateway, gateway.key) == 200
    return json.loads(gateway.usage_path.read_bytes().splitlines()[-1])["price_source"]


def test_a_database_that_comes_and_goes(tmp_path: Path, postgres_url: URL) -> None:
    """T-PG-2, and what calls see meanwhile."""
    with door_to(postgres_url) as (door, through), ThreadPoolExecutor(1) as threads:
        gateway = GatewayProcess(tmp_path, environ=environ(through))
        starting = threads.submit(gateway.start)
        try:
            until(lambda: "the database cannot be used" in gateway.log())
            assert httpx2.get(f"{gateway.url}/health/ready").status_code == 503
            assert status_of(gateway, gateway.key) == 200  # a key of the files
            door.open()
            until(lambda: httpx2.get(f"{gateway.url}/health/ready").status_code == 200, within=10)
            starting.result()
            api, admin = gateway.admin()
            made = ask("POST", f"{api}/orgs/default/keys", admin, {"name": "k", "owner_kind": "org", "owner_id": "default"}).json()
            until(lambda: status_of(gateway, made["token"]) == 200, within=LIVE)
            unknown = made["token"]
            ask("POST", f"{api}/orgs/default/keys/{made['id']}/revoke", admin)
            until(lambda: status_of(gateway, unknown) == 401, within=LIVE)
            kept = ask("POST", f"{api}/orgs/default/keys", admin, {"name": "l", "owner_kind": "org", "owner_id": "default"}).json()
            until(lambda: status_of(gateway, kept["token"]) == 200, within=LIVE)
            door.shut()
            answer = ask("GET", f"{api}/me", admin)
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:tidegate:problem:storage-unavailable")
            assert status_of(gateway, kept["token"]) == 200
            assert status_of(gateway, unknown) == 401  # what was revoked stays revoked
            strange = httpx2.post(f"{gateway.url}/v1/chat/completions", headers={"authorization": f"Bearer {STRANGE}"}, json=CALL)
            assert (strange.status_code, strange.json()["error"]["code"]) == (503, "auth_backend_unavailable")
            assert strange.headers["retry-after"]
        finally:
            gateway.stop()
        # A start without the database goes by what was known last.
        again = GatewayProcess(tmp_path, environ=environ(through))
        again.key = gateway.key
        with again:
            assert status_of(again, kept["token"]) == 200
            door.open()
            gateway.log_path.unlink()
            until(lambda: status_of(again, STRANGE) == 401)
        assert len(again.usage(1)) >= 1


def test_a_schema_that_is_behind_ends_the_start_with_the_command(tmp_path: Path, postgres: dict[str, str]) -> None:
    async def run(work: Callable[[URL], None]) -> None:
        async with databases.postgres_url(postgres, empty=True) as empty:
            await asyncio.to_thread(work, empty)

    def work(empty: URL) -> None:
        with pytest.raises(GatewayError, match=r"run `tidegate migrate upgrade`"):
            GatewayProcess(tmp_path / "one", environ=environ(empty)).start()
        with GatewayProcess(tmp_path / "two", environ=environ(empty, TIDEGATE_AUTO_MIGRATE="1")) as gateway:
            assert status_of(gateway, gateway.key) == 200

    asyncio.run(run(work))


@pytest.mark.parametrize("address", ["mysql://u:hush-hush@h/d", "postgresql://nobody:hush-hush@{host}:{port}/d"])
def test_an_address_that_can_never_work_ends_the_start_and_tells_no_password(tmp_path: Path, postgres_url: URL, address: str) -> None:
    given = address.format(host=postgres_url.host, port=postgres_url.port)
    with pytest.raises(GatewayError, match="error: TIDEGATE_DATABASE_URL names") as caught:
        GatewayProcess(tmp_path, environ={"TIDEGATE_DATABASE_URL": given}).start()
    assert "hush-hush" not in str(caught.value)
