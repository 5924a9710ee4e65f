"""A database that is away: every route says so, and nothing is an error of the gateway's own."""

import socket

import msgspec
import pytest
from sqlalchemy import URL
from tests.conformance.control_api.requests import SAMPLES
from tests.support.control import World

from tidegate.adapters.sql.changes import Changes
from tidegate.adapters.sql.control_store import SqlControlStore
from tidegate.adapters.sql.engine import Database
from tidegate.control.api.routes import ROUTES


@pytest.fixture
def nowhere() -> URL:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    return URL.create("postgresql+asyncpg", username="u", password="hush-hush", host="127.0.0.1", port=port, database="d")


async def test_every_route_is_unavailable_and_says_so(api: World, nowhere: URL) -> None:
    asked = [(route, await SAMPLES[route.name](api)) for route in ROUTES]
    database = Database(nowhere)
    api.services = msgspec.structs.replace(api.services, store=SqlControlStore(Changes(database, api.clock)))
    api.rebuilt()
    wrong: list[str] = []
    for route, sample in asked:
        answer = await api.ask(route.method, sample.path, api.operator, sample.body, headers=sample.headers)
        if (answer.status, answer.headers["content-type"]) != (503, "application/problem+json"):
            wrong.append(f"{route.name}: {answer.status}: {answer.body!r}")
        assert b"hush-hush" not in answer.body
        assert answer.headers.get("retry-after")
    assert wrong == []
    await database.aclose()
