"""What is sent wrongly is refused with the path of the field, and nothing that is sent makes the gateway fail."""

import random
from http import HTTPStatus
from typing import Any

import msgspec
import pytest
from tests.conformance.control_api.requests import SAMPLES
from tests.support.control import World

from tidegate.control.api.asked import MAX_BODY
from tidegate.control.api.routes import ROUTES
from tidegate.control.api.table import Route

WITH_BODY = [route for route in ROUTES if route.has_body]
WITH_QUERY = [route for route in ROUTES if not route.has_body]
STRANGE: tuple[Any, ...] = (
    *(None, True, 0, -1, 1.5, 10**30, "", " ", "x", "x" * 5000, "\x00", "\ud7ff", "\U0001f600", "é", "../..", "%00", "*", "a*b"),
    *([], [None], [[]], [1], ["\x00"], ["*"] * 600, ["10.0.0.1/8"], {}, {"a": 1}, [{"from": "25:00"}], [{"days": []}]),
    *("2027-01-15T08:00:00", "2027-01-15T08:00:00+25:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2027-01-15T08:00:00Z"),
    *([{"from": "08:00", "to": "08:00"}], [{"time_zone": "../etc/passwd"}], [{"time_zone": "Nowhere/At_All"}]),
)


STRANGE_TO_POSTGRES = tuple(value for value in STRANGE if isinstance(value, str | int) and not isinstance(value, bool))
"""What SQLite takes and PostgreSQL may not."""


def strange(api: World) -> tuple[Any, ...]:
    return STRANGE if api.database.is_sqlite else STRANGE_TO_POSTGRES[:12]


@pytest.mark.parametrize("route", WITH_BODY, ids=lambda route: route.name)
async def test_an_unknown_field_is_refused(api: World, route: Route) -> None:
    asked = await SAMPLES[route.name](api)
    body = {**(asked.body or {}), "unexpected": 1}
    answer = await api.ask(route.method, asked.path, api.operator, body, headers=asked.headers)
    assert (answer.status, [error["field"] for error in answer.json["errors"]]) == (400, ["unexpected"])


@pytest.mark.parametrize("route", WITH_QUERY, ids=lambda route: route.name)
async def test_an_unknown_parameter_is_refused(api: World, route: Route) -> None:
    asked = await SAMPLES[route.name](api)
    answer = await api.ask(route.method, asked.path, api.operator, query={"unexpected": "1"})
    assert (answer.status, [error["field"] for error in answer.json["errors"]]) == (400, ["unexpected"])


@pytest.mark.parametrize("route", WITH_BODY, ids=lambda route: route.name)
async def test_no_value_of_a_field_makes_it_fail(each: World, route: Route) -> None:
    """Every field with every strange value: done or refused, on both databases."""
    asked = await SAMPLES[route.name](each)
    for field in msgspec.structs.fields(route.asked):
        for value in strange(each):
            body = {**(asked.body or {}), field.encode_name: value}
            answer = await each.ask(route.method, asked.path, each.operator, body, headers=asked.headers)
            assert answer.status < 500, (field.encode_name, value, answer.body)
            if answer.status == 400:
                assert answer.json["errors"], answer.body


@pytest.mark.parametrize("route", WITH_QUERY, ids=lambda route: route.name)
async def test_no_value_of_a_parameter_makes_it_fail(each: World, route: Route) -> None:
    asked = await SAMPLES[route.name](each)
    for field in msgspec.structs.fields(route.asked):
        for value in strange(each):
            answer = await each.ask(route.method, asked.path, each.operator, query={field.encode_name: value})
            assert answer.status < 500, (field.encode_name, value, answer.body)


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b"{", ""),
        (b"[]", ""),
        (b"nothing", ""),
        (b"\xff", ""),
        (b'{"name": "a\\ud800"}', ""),
        (b"[" * 100_000, ""),
        (b'{"name": 1}', "name"),
    ],
)
async def test_what_is_no_body(api: World, raw: bytes, field: str) -> None:
    answer = await api.ask("POST", "/orgs/a/teams", api.operator, raw=raw)
    assert (answer.status, answer.json["errors"][0]["field"]) == (400, field)


async def test_a_mistake_deep_inside_is_named_by_its_path(api: World) -> None:
    body = {"name": "k", "models": ["a", "b*c"], "addresses": ["10.0.0.1/8"], "times": [{"from": "08:00", "to": "8"}]}
    answer = await api.ask("POST", "/orgs/a/keys", api.operator, body)
    assert [error["field"] for error in answer.json["errors"]] == ["models[1]", "addresses[0]", "times[0].to"]
    answer = await api.ask("POST", "/orgs/a/keys", api.operator, {"name": "k", "times": [{"days": ["someday"]}]})
    assert [error["field"] for error in answer.json["errors"]] == ["times[0].days[0]"]
    answer = await api.ask("POST", "/orgs/a/keys", api.operator, {"name": "k", "times": [{"until": "18:00"}]})
    assert [error["field"] for error in answer.json["errors"]] == ["times[0].until"]


async def test_a_body_has_its_limit_and_its_type(api: World) -> None:
    large = await api.ask("POST", "/orgs/a/teams", api.operator, raw=b" " * (MAX_BODY + 1))
    assert large.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert (await api.ask("POST", "/orgs/a/teams", api.operator, raw=b'{"name":"n"}' + b" " * (MAX_BODY - 12))).status == 201
    form = await api.ask(
        "POST", "/orgs/a/teams", api.operator, raw=b"name=n", headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert form.status == 415


async def test_an_idempotency_key_is_short_and_printable(api: World) -> None:
    for key in ("", "a b", "x" * 256, "é"):
        answer = await api.ask("POST", "/orgs/a/teams", api.operator, {"name": "n"}, headers={"idempotency-key": key})
        assert answer.status == 400


async def test_noise_is_refused(each: World) -> None:
    """Bodies of random JSON for every route."""
    source = random.Random(11)
    for route in WITH_BODY:
        asked = await SAMPLES[route.name](each)
        names = [field.encode_name for field in msgspec.structs.fields(route.asked)] or ["none"]
        for _ in range(5):
            body = {source.choice(names): source.choice(STRANGE) for _ in range(source.randint(0, 4))}
            answer = await each.ask(route.method, asked.path, each.operator, body, headers=asked.headers)
            assert answer.status < 500, (route.name, body, answer.body)
