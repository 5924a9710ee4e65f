"""T-AZ-2: every field of every writable model for every role, and random granters who give random roles and keys. What was given is worked
out here, over a small world of scopes, models and addresses, and not by the code under test. `TIDEGATE_GRANTS` is how many grants are
tried (960 at night; `tests/unit/policy` has 50,000 of the functions that decide), `TIDEGATE_FIELDS=all` tries every field."""

import ipaddress
import itertools
import os
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st
from tests.conformance.control_api.requests import OF_THE_GATEWAY, SAMPLES
from tests.support.control import World
from tests.support.examples import examples

from tidegate.control.api.fields import moment
from tidegate.control.api.routes import ROUTES
from tidegate.control.api.table import AUTHENTICATED, Route
from tidegate.policy.roles import PERMISSIONS, ROLES

GRANTS = int(os.environ.get("TIDEGATE_GRANTS", "960" if os.environ.get("TIDEGATE_FAULTS") == "long" else "96"))
EACH = 12
"""Grants of one granter."""
STRIDE = 1 if os.environ.get("TIDEGATE_FIELDS") == "all" else 13

WRITES = [route for route in ROUTES if route.has_body and route.permission != AUTHENTICATED]
TEMPTING: tuple[Any, ...] = ("owner", "gateway", "org/b", "adm", "*", ["*"], [], None, True, 0, {}, "2199-01-01T00:00:00Z")
"""What somebody would send who wants more than they have."""


def fields() -> list[tuple[Route, str, str]]:
    """(route, field, role) of every combination, or of a part of them that the order of the table spreads over all."""
    named = [(route, field.encode_name) for route in WRITES for field in msgspec.structs.fields(route.asked)]
    return [(route, field, role) for route, field in named for role in sorted(ROLES)][::STRIDE]


def holds(role: str, route: Route) -> bool:
    return route.permission in ROLES[role] and route.name not in OF_THE_GATEWAY


async def reach(api: World, token: str) -> set[tuple[str, str]]:
    """(scope, permission) of what the holder of a key may do, as the gateway says it."""
    answer = await api.ask("GET", "/me", token)
    if answer.status != 200:
        return set()
    return {(held["scope"], permission) for held in answer.json["held"] for permission in held["permissions"]}


async def test_no_field_of_any_request_is_a_way_up(api: World) -> None:
    tokens = {role: await api.admin("a", role) for role in ROLES}
    before = {role: await reach(api, token) for role, token in tokens.items()}
    tried = 0
    for (route, field, role), tempting in zip(fields(), itertools.cycle(TEMPTING), strict=False):
        asked = await SAMPLES[route.name](api)
        answer = await api.ask(route.method, asked.path, tokens[role], {**(asked.body or {}), field: tempting}, headers=asked.headers)
        where = (route.name, field, role, tempting, answer.body)
        assert answer.status < 500, where
        refused = (400, 403, 404) if route.permission in ROLES[role] else (403, 404)
        if not holds(role, route):
            assert answer.status in refused, where
        elif answer.status < 300 and isinstance(answer.json, dict) and answer.json.get("token"):
            assert await reach(api, answer.json["token"]) <= before[role], where
        strange = await api.ask(route.method, asked.path, tokens[role], {**(asked.body or {}), "is_admin": True}, headers=asked.headers)
        assert strange.status in ((400,) if holds(role, route) else refused), where
        tried += 1
    assert tried >= len(WRITES)
    assert {role: await reach(api, token) for role, token in tokens.items()} == before


SCOPES: tuple[str, ...] = ("org/a", "org/a/team/x", "org/a/team/y")
MODELS = ("claude-a", "claude-b", "gpt-x")
HOSTS = ("10.0.0.1", "10.1.0.1", "127.0.0.1", "192.0.2.1")
PATTERNS = st.lists(st.sampled_from(("claude-a", "claude-*", "gpt-x", "gpt-*", "*")), max_size=2, unique=True)
NETWORKS = st.lists(st.sampled_from(("10.0.0.0/8", "10.1.0.0/16", "127.0.0.0/8", "0.0.0.0/0")), max_size=2, unique=True)
HOURS = st.sampled_from((None, 4, 6))
ROLE: st.SearchStrategy[str] = st.sampled_from(sorted(ROLES))


class Bounds(msgspec.Struct):
    """As they are sent; `hours` until the end."""

    models: list[str]
    addresses: list[str]
    hours: int | None


BOUNDS = st.builds(Bounds, PATTERNS, NETWORKS, HOURS)
GRANTERS: st.SearchStrategy[tuple[list[tuple[str, str]], Bounds]] = st.tuples(
    st.lists(st.tuples(ROLE, st.sampled_from(SCOPES)), min_size=1, max_size=3), BOUNDS
)
ROLES_GIVEN = st.tuples(ROLE, st.sampled_from((*SCOPES, "gateway", "org/b")))
GIFTS: st.SearchStrategy[Any] = st.one_of(ROLES_GIVEN, st.tuples(st.sampled_from(("live", "adm")), BOUNDS))


def covers(bindings: list[tuple[str, str]]) -> set[tuple[str, str]]:
    """Every (place, permission), a place being the organisation itself or one of its teams."""
    places = [(role, place) for role, scope in bindings for place in SCOPES if place == scope or place.startswith(scope + "/")]
    return {(place, name) for role, place in places for name in ROLES[role]}


def opens(bounds: Bounds) -> tuple[set[str], set[str]]:
    named = [(one.rstrip("*"), one.endswith("*")) for one in bounds.models]
    models = {name for name in MODELS if not named or any(name == one or (open and name.startswith(one)) for one, open in named)}
    networks = [ipaddress.ip_network(one) for one in bounds.addresses]
    return models, {host for host in HOSTS if not networks or any(ipaddress.ip_address(host) in one for one in networks)}


def within(given: Bounds, own: Bounds) -> bool:
    """What can be told apart in this small world, and no more: it must never be more than that."""
    mine, theirs = opens(own), opens(given)
    ends = own.hours is None or (given.hours is not None and given.hours <= own.hours)
    return theirs[0] <= mine[0] and theirs[1] <= mine[1] and ends


async def test_nobody_gives_what_they_do_not_hold(api: World) -> None:
    counted = {"tried": 0, "given": 0}

    def end(hours: int | None) -> int | None:
        return None if hours is None else api.services.now() + hours * 3_600_000_000

    async def check(example: tuple[tuple[list[tuple[str, str]], Bounds], list[Any]]) -> None:
        (bindings, bounds), gifts = example
        me = await api.user("a")
        for role, scope in dict.fromkeys(bindings):
            await api.bind("a", me, role, scope)
        addresses = bounds.addresses and [*bounds.addresses, "127.0.0.0/8"]
        own = msgspec.structs.replace(bounds, addresses=addresses)
        token = (await api.key("a", me, models=own.models, addresses=addresses, expires_at=end(own.hours)))[1]
        held = covers(bindings)
        for kind, what in gifts:
            counted["tried"] += 1
            is_key = isinstance(what, Bounds)
            counted["given"] += await (given_key(kind, what, own, token) if is_key else given_role(kind, what, held, token))

    async def given_role(role: str, scope: str, held: set[tuple[str, str]], token: str) -> bool:
        body = {"subject_kind": "user", "subject_id": await api.user("a"), "role": role, "scope": scope}
        answer = await api.ask("POST", "/orgs/a/role-bindings", token, body)
        assert answer.status in (201, 400, 403), answer.body
        if answer.status == 201:
            assert scope in SCOPES
            assert covers([(role, scope)]) <= held, (role, scope)
            assert (scope, "roles:grant") in held
        return answer.status == 201

    async def given_key(env: str, asked: Bounds, own: Bounds, token: str) -> bool:
        ends = end(asked.hours)
        body: dict[str, Any] = {"name": "k", "env": env, "models": asked.models, "addresses": asked.addresses, "expires_at": None}
        if ends is not None:
            body["expires_at"] = msgspec.to_builtins(moment(ends))
        answer = await api.ask("POST", "/orgs/a/keys", token, body)
        assert answer.status in (201, 400, 403), answer.body
        if answer.status == 201:
            stored = Bounds(answer.json["models"], answer.json["addresses"], asked.hours)
            assert within(stored, own), (stored, own)
            if env == "adm" and (not asked.addresses or "127.0.0.1" in opens(asked)[1]):
                assert await reach(api, answer.json["token"]) <= await reach(api, token)
        return answer.status == 201

    count = max(1, GRANTS // EACH)
    await examples(st.tuples(GRANTERS, st.lists(GIFTS, min_size=EACH, max_size=EACH)), count, check)
    assert counted["tried"] >= GRANTS
    assert counted["given"] > counted["tried"] // 50  # it is no test of refusals alone


@pytest.mark.parametrize("role", sorted(ROLES))
def test_the_small_world_knows_every_permission(role: str) -> None:
    assert {name for _, name in covers([(role, "org/a")])} == set(ROLES[role])
    assert covers([("owner", "org/a")]) == {(place, name) for place in SCOPES for name in PERMISSIONS}
