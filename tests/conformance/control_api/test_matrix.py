"""T-AZ-1: every route for everybody. What is expected is worked out here from roles and scopes, and not by the code under test."""

import re

import pytest
from starlette.routing import Route as StarletteRoute
from tests.conformance.control_api.requests import OF_NOBODY, OF_TEAM_X, OF_THE_GATEWAY, SAMPLES
from tests.support.control import ACTOR, World

from tidegate.control.api.billing_webhook import PATH as EVENTS_PATH
from tidegate.control.api.leaked_keys import PATH as LEAKS_PATH
from tidegate.control.api.routes import ROUTES
from tidegate.control.api.table import AUTHENTICATED, BASE, OPENAPI_PATH, Route
from tidegate.policy.keys import checksum
from tidegate.policy.roles import PERMISSIONS, ROLES
from tidegate.records import Tenant, User

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
STRANGERS = (
    *("anon", "garbage", "wrong secret", "unknown key", "revoked", "disabled", "expired", "replaced", "owner disabled", "no owner"),
    *("inference live", "inference test", "inference svc"),
)
"""Whoever has no admin key that works."""
HOLDERS = (
    *(f"{role} of the organisation" for role in ROLES),
    *(f"{role} of team x" for role in ROLES),
    *("owner of b", "owner of b with a binding on a", "operator", "nobody in particular", "unknown role"),
)


async def token_of(api: World, who: str) -> str | None:
    role, _, rest = who.partition(" of ")
    match who:
        case "anon":
            return None
        case "garbage":
            return "tgk_adm_garbage"
        case "wrong secret":
            return await api.admin("a", "owner", digest=b"of another secret")
        case "unknown key":
            return "tgk_adm_" + "0" * 12 + "_" + "0" * 43 + checksum("tgk_adm_" + "0" * 12 + "_" + "0" * 43)
        case "revoked":
            return await api.admin("a", "owner", revoked_at=1)
        case "disabled":
            return await api.admin("a", "owner", disabled_at=1)
        case "expired":
            return await api.admin("a", "owner", expires_at=api.services.now())
        case "replaced":
            return await api.admin("a", "owner", overlap_until=api.services.now())
        case "owner disabled":
            return await _of_disabled_owner(api)
        case "no owner":
            return (await api.key("a", None))[1]
        case "inference live" | "inference test" | "inference svc":
            return await api.admin("a", "owner", env=who.removeprefix("inference "))
        case "owner of b with a binding on a":
            # Somebody wrote a foreign scope into b's own table: it must give nothing.
            return await api.admin("b", "owner", "org/a")
        case "operator":
            return api.operator
        case "nobody in particular":
            return (await api.key("a", await api.user("a")))[1]
        case "unknown role":
            return await api.admin("a", "emperor")
        case "owner of b":
            return await api.admin("b", "owner")
        case _:
            return await api.admin("a", role, "org/a" if rest == "the organisation" else "org/a/team/x")


async def _of_disabled_owner(api: World) -> str:
    now = api.services.now()
    row = User(id=api.name("user_"), name="gone", disabled_at=now, created_at=now)
    async with api.store.change(Tenant("a"), ACTOR) as change:
        await change.add(row)
    await api.bind("a", row.id, "owner", "org/a")
    return (await api.key("a", row.id))[1]


def expected(who: str, route: Route) -> set[int]:
    """The statuses that are right."""
    done = {route.status.value}
    role, _, rest = who.partition(" of ")
    if who in STRANGERS:
        return {401}
    if route.permission == AUTHENTICATED or who == "operator":
        return done
    foreign = who in ("owner of b", "owner of b with a binding on a")
    if foreign and "{org}" in route.path:
        return {404}
    if foreign:
        return done if route.name in ("list_orgs", "get_all_usage") and who == "owner of b" else {403}
    holds = route.permission in ROLES.get(role, set())
    if not holds or route.name in OF_THE_GATEWAY:
        return {403}
    return done if rest == "the organisation" or route.name in OF_TEAM_X else {403, 404}


def test_every_route_has_a_sample_and_a_permission_that_exists() -> None:
    assert {route.name for route in ROUTES} == set(SAMPLES)
    assert all(route.permission in PERMISSIONS or route.name in OF_NOBODY for route in ROUTES)


async def test_nothing_is_served_that_is_not_in_the_table(api: World) -> None:
    served = {
        (method, route.path)
        for route in api.app.routes
        if isinstance(route, StarletteRoute)
        for method in (route.methods or ())
        if method != "HEAD"
    }
    assert len(api.app.routes) == len(ROUTES) + 3
    apart = {("GET", OPENAPI_PATH), ("POST", EVENTS_PATH), ("POST", LEAKS_PATH)}
    assert served == {(route.method, route.full_path) for route in ROUTES} | apart


@pytest.mark.parametrize("who", [*STRANGERS, *HOLDERS])
async def test_every_route_for(who: str, api: World) -> None:
    token = await token_of(api, who)
    wrong: list[str] = []
    for route in ROUTES:
        asked = await SAMPLES[route.name](api)
        for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
            answer = await api.ask(method, asked.path, token, asked.body, headers=asked.headers)
            if answer.status not in expected(who, route):
                wrong.append(f"{method} {asked.path}: {answer.status} instead of {expected(who, route)}: {answer.body!r}")
            if answer.status >= 400:
                assert answer.headers["content-type"] == "application/problem+json"
                assert b"problem:" in answer.body
            assert answer.headers["cache-control"] == "no-store"
            if answer.status == 401:
                assert answer.headers["www-authenticate"].startswith("Bearer")
        if route.name == "disable_org" and who == "operator":
            await api.ask("POST", "/orgs/a/enable", api.operator)
    assert wrong == []
    await no_other_method_does_anything(api, token)


async def no_other_method_does_anything(api: World, token: str | None) -> None:
    by_path: dict[str, set[str]] = {}
    for route in ROUTES:
        by_path.setdefault(route.full_path, set()).update({route.method, *(("HEAD",) if route.method == "GET" else ())})
    for path, methods in by_path.items():
        real = re.sub(r"\{\w+\}", "x", path.replace("{org}", "a")).removeprefix(BASE)
        for method in METHODS:
            if method not in methods:
                assert (await api.ask(method, real, token)).status == 405, (method, real)


def test_the_matrix_is_large_enough() -> None:
    principals = len(STRANGERS) + len(HOLDERS)
    paths = {route.path for route in ROUTES}
    assert principals * len(paths) * len(METHODS) >= 1500


@pytest.mark.parametrize(
    "path", ["/orgs/a/", "//orgs/a", "/orgs//teams", "/orgs/a/teams/x/y", "/orgs/a;/teams", "/Orgs/a", "/orgs/a/teams/../keys", ""]
)
async def test_a_path_that_is_nearly_one_is_none(path: str, api: World) -> None:
    assert (await api.ask("GET", path, api.operator)).status == 404


@pytest.mark.parametrize("id", ["x\x00", "x y", "é", "%2e", "x" * 65, "*", "..", "a'--"])
async def test_what_cannot_be_an_id_names_nothing(id: str, api: World) -> None:
    for path in (f"/orgs/{id}/teams", f"/orgs/a/teams/{id}", f"/orgs/a/keys/{id}"):
        assert (await api.ask("GET", path, api.operator)).status == 404


async def test_the_host_and_the_query_decide_nothing(api: World) -> None:
    token = await api.admin("b", "owner")
    answer = await api.ask("GET", "/orgs/a/teams", token, headers={"host": "x/api/v1/orgs/b/teams?"})
    assert answer.status == 404
    assert (await api.ask("GET", "/orgs/b/teams", token, query={"org": "a"})).status == 400


async def test_the_document_is_for_everybody(api: World) -> None:
    answer = await api.ask("GET", "/openapi.json")
    assert (answer.status, answer.json["openapi"]) == (200, "3.1.0")
