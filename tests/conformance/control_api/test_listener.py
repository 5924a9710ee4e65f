"""T-AZ-1 and T-ISO-1 through a real listener: what the matrix says over ASGI also holds for bytes on a socket."""

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import msgspec
import pytest
from tests.conformance.control_api.requests import SAMPLES
from tests.conformance.control_api.test_matrix import expected, token_of
from tests.support.control import World

from tidegate.adapters.server_beside import serving_beside
from tidegate.control.api.routes import ROUTES
from tidegate.control.api.table import Route

CANARY = "canary-of-organisation-a"


@asynccontextmanager
async def listening(api: World) -> AsyncGenerator[httpx2.AsyncClient]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        url = f"http://127.0.0.1:{sock.getsockname()[1]}/api/v1"
        async with serving_beside(api.app, sock), httpx2.AsyncClient(base_url=url, timeout=60) as client:
            yield client


async def ask(
    client: httpx2.AsyncClient, route: Route, path: str, token: str | None, body: Any, headers: dict[str, str]
) -> httpx2.Response:
    sent = dict(headers) | ({"authorization": f"Bearer {token}"} if token else {})
    return await client.request(route.method, path, headers=sent, json=body)


@pytest.mark.parametrize(
    "who", ["anon", "revoked", "inference live", "viewer of the organisation", "developer of team x", "owner of b", "operator"]
)
async def test_every_route_over_a_socket_for(who: str, api: World) -> None:
    token = await token_of(api, who)
    wrong: list[str] = []
    async with listening(api) as client:
        for route in ROUTES:
            asked = await SAMPLES[route.name](api)
            answer = await ask(client, route, asked.path, token, asked.body, asked.headers)
            if answer.status_code not in expected(who, route):
                wrong.append(f"{route.method} {asked.path}: {answer.status_code} instead of {expected(who, route)}: {answer.text}")
            if route.name == "disable_org" and who == "operator":
                await api.ask("POST", "/orgs/a/enable", api.operator)
    assert wrong == []


async def test_ids_of_another_tenant_name_nothing_under_ones_own(api: World) -> None:
    """T-ISO-1: b knows every id of a, and asks for it as a's and as its own."""
    owner = await api.admin("b", "owner")
    wrong: list[str] = []
    async with listening(api) as client:
        for route in ROUTES:
            if not route.of_a_row or route.name in ("remove_member", "add_member"):
                continue
            asked = await SAMPLES[route.name](api)
            id = asked.path.removeprefix("/orgs/a/").split("/")[1]
            for path in (asked.path, asked.path.replace("/orgs/a/", "/orgs/b/")):
                if path.startswith("/orgs/b/teams/x"):
                    continue  # b has a team of that id too, and it is b's
                answer = await ask(client, route, path, owner, asked.body, asked.headers)
                if answer.status_code != 404 or id in answer.text:
                    wrong.append(f"{route.method} {path}: {answer.status_code}: {answer.text}")
    assert wrong == []


async def test_no_list_and_no_report_of_one_tenant_has_anything_of_another(api: World) -> None:
    operator, owner_of_a, owner_of_b = api.operator, await api.admin("a", "owner"), await api.admin("b", "owner")
    for path, body in (
        ("/orgs/a/teams", {"name": CANARY}),
        ("/orgs/a/users", {"name": CANARY, "email": f"{CANARY}@example.com"}),
        ("/orgs/a/service-accounts", {"name": CANARY}),
        ("/orgs/a/keys", {"name": CANARY, "owner_kind": "org", "tags": [CANARY]}),
        ("/orgs/a/credentials", {"name": CANARY, "provider": "anthropic", "secret": "sk-ant-0123456789abcdef"}),
        ("/orgs/a/limits", {"name": CANARY, "scope": "organisation", "measure": "tokens", "per": "minute", "amount": 5}),
        ("/orgs/a/plans", {"name": CANARY}),
    ):
        assert (await api.ask("POST", path, owner_of_a, body, headers={"idempotency-key": path.rpartition("/")[2]})).status == 201
        mine = await api.ask(
            "POST", path.replace("/a/", "/b/"), owner_of_b, _renamed(body), headers={"idempotency-key": path.rpartition("/")[2]}
        )
        assert mine.status == 201
        assert CANARY not in mine.body.decode()
    async with listening(api) as client:
        for route in ROUTES:
            if route.method != "GET" or route.of_a_row:
                continue
            path = route.path.replace("{org}", "b")
            answer = await ask(client, route, path, owner_of_b, None, {})
            assert CANARY not in answer.text, path
            if "{org}" in route.path:
                seen = await ask(client, route, route.path.replace("{org}", "a"), operator, None, {})
                needs_more = any(field.required for field in msgspec.structs.fields(route.asked))
                assert seen.status_code == (400 if needs_more else 200), seen.text


def _renamed(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value.replace(CANARY, "of-b") if isinstance(value, str) else value for name, value in body.items() if name != "tags"}
