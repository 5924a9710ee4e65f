"""A route that is not safe to serve cannot be made."""

from typing import Any

import msgspec
import pytest

from tidegate.control.api import where
from tidegate.control.api.call import Call
from tidegate.control.api.table import Nothing, Route, table


class Open(msgspec.Struct):
    name: str = ""


async def handler(_call: Call, _asked: Any) -> None:
    return None


def route(**fields: Any) -> Route:
    given: dict[str, Any] = {
        "method": "GET",
        "path": "/x",
        "name": "x",
        "permission": "keys:read",
        "where": where.organisation,
        "handler": handler,
        "summary": "X.",
        **fields,
    }
    return Route(**given)


def test_a_route_of_its_own_is_fine() -> None:
    made = route(asked=Nothing)
    assert table((made,)) == (made,)
    assert made.full_path == "/api/v1/x"


@pytest.mark.parametrize(
    "fields", [{"permission": ""}, {"permission": "keys:eat"}, {"path": "x"}, {"name": ""}, {"summary": ""}, {"asked": Open}]
)
def test_what_is_no_route(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="GET"):
        route(**fields)


def test_a_route_without_a_permission_is_none() -> None:
    fields: dict[str, Any] = {"method": "GET", "path": "/x", "name": "x", "where": where.organisation, "handler": handler, "summary": "X."}
    with pytest.raises(TypeError, match="permission"):
        Route(**fields)


@pytest.mark.parametrize("other", [{"name": "y"}, {"path": "/y"}])
def test_two_routes_are_not_the_same(other: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="two routes"):
        table((route(),), (route(**other),))


@pytest.mark.parametrize(
    ("path", "expected"), [("/orgs", False), ("/orgs/{org}", False), ("/orgs/{org}/keys", False), ("/orgs/{org}/keys/{key}", True)]
)
def test_which_routes_are_of_a_row(path: str, expected: bool) -> None:
    assert route(path=path).of_a_row is expected
