"""What a route of the control API is. The table in `routes` is the only list of them: the router, the permissions and the OpenAPI document
are made from it. A route without a permission that exists, or with two meanings, fails when it is made, which is at import."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Literal

import msgspec

from tidegate.control.api.call import Call
from tidegate.policy.roles import PERMISSIONS

Method = Literal["GET", "POST", "PATCH", "PUT", "DELETE"]
Handler = Callable[[Call, Any], Awaitable[msgspec.Struct | None]]
Where = Callable[[Call, Any], Awaitable[str]]

BASE = "/api/v1"
OPENAPI_PATH = BASE + "/openapi.json"
"""The one path that needs no key: it tells nothing that the project's pages do not."""

AUTHENTICATED = "authenticated"
"""In place of a permission: whoever has an admin key that works."""


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request that has no fields."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """`path` is below `BASE`; `{org}` in it is the tenant, any other part in braces a row's id. `asked` is the body, or the query of GET
    and DELETE. `where` finds the scope on which `permission` must be held. `forget` takes out of an answer what is shown once only.
    A POST that `reads` changes nothing: what it asks is too much for a query. `csv` is the answer to the same
    question as comma-separated values, for whoever asks with `Accept: text/csv`."""

    method: Method
    path: str
    name: str
    permission: str
    where: Where
    handler: Handler
    asked: type[msgspec.Struct] = Nothing
    answer: type[msgspec.Struct] | None = None
    status: HTTPStatus = HTTPStatus.OK
    summary: str
    forget: Callable[[Any], msgspec.Struct] | None = None
    reads: bool = False
    csv: Callable[[Any, Any], str] | None = None
    """(what was asked, the answer) -> the text."""

    def __post_init__(self) -> None:
        if self.permission != AUTHENTICATED and self.permission not in PERMISSIONS:
            raise ValueError(f"{self.method} {self.path}: there is no permission {self.permission!r}")
        if not self.path.startswith("/") or not self.name or not self.summary:
            raise ValueError(f"{self.method} {self.path}: a route has a path, a name and a summary")
        if self.asked.__struct_config__.forbid_unknown_fields is False:
            raise ValueError(f"{self.method} {self.path}: {self.asked.__name__} takes unknown fields")

    @property
    def full_path(self) -> str:
        return BASE + self.path

    @property
    def has_body(self) -> bool:
        return self.method in ("POST", "PATCH", "PUT")

    @property
    def creates(self) -> bool:
        """Whether a repetition with the same `Idempotency-Key` gets the first answer again."""
        return self.method == "POST" and self.status == HTTPStatus.CREATED

    @property
    def of_a_row(self) -> bool:
        """Whether the path names more than a tenant: of its own rows it does not tell which there are."""
        tenant, _, rest = self.path.partition("/orgs/{org}")
        return not tenant and "{" in rest


def table(*parts: tuple[Route, ...]) -> tuple[Route, ...]:
    """All routes. Raises `ValueError` where two are the same."""
    routes = tuple(route for part in parts for route in part)
    for names in ([f"{route.method} {route.path}" for route in routes], [route.name for route in routes]):
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"there are two routes {twice}")
    return routes
