"""Which limits hold for a call: those of its key and of everything the key belongs to, of the route, the model and the end user.

A `Book` belongs to one snapshot, like the planner; what it has worked out for a key, a route and a model it remembers, within bounds.
"""

from collections.abc import Iterator

from tidegate.policy.limits.rules import Charge, Limit, ScopeKind, charge
from tidegate.policy.snapshot import Key, Snapshot

_REMEMBERED = 16_384
_LONGEST = 256
"""Characters of an end user's name that are told apart: longer names are one subject with all that begin so."""


class Book:
    """The limits of one snapshot, found by call; without one those of `rows` alone, which has none of keys and routes by themselves."""

    def __init__(self, snapshot: Snapshot | None, rows: tuple[Limit, ...] = ()) -> None:
        self._limits = rows if snapshot is None else snapshot.limits
        self._of_keys = snapshot is not None
        routes = () if snapshot is None else (*snapshot.routes.values(), *snapshot.prefix_routes)
        self._routes = {route.name: route.limits for route in routes if route.limits}
        self._end_users = tuple(limit for limit in self._limits if limit.kind == "end_user")
        self._known: dict[tuple[str, int, str, str], tuple[Charge, ...]] = {}

    def charges(self, key: Key, route: str = "", model: str = "", end_user: str = "") -> tuple[Charge, ...]:
        """The limits of a call. `route` is the name of a configured route, `model` the target's name (`provider/model`)."""
        found = self._known.get((key.id, key.revision, route, model))
        if found is None:
            found = self._first_time(key, route, model)
        if end_user and self._end_users:
            return found + tuple(self._of_end_user(key.org, end_user[:_LONGEST]))
        return found

    def _first_time(self, key: Key, route: str, model: str) -> tuple[Charge, ...]:
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        own = [charge(limit, key.id, key.name, key.org) for limit in key.limits] if self._of_keys else []
        own += [charge(limit, route) for limit in self._routes.get(route, ())]
        own += [
            charge(limit, subject, whose, key.org)
            for limit in self._limits
            if not limit.org or limit.org == key.org
            for kind, subject, whose, names in _subjects(key, route, model)
            if kind == limit.kind and (not limit.subject or limit.subject in names)
        ]
        charges = self._known[key.id, key.revision, route, model] = tuple(own)
        return charges

    def _of_end_user(self, org: str, end_user: str) -> Iterator[Charge]:
        """End users of two organisations are never the same."""
        for limit in self._end_users:
            if (not limit.subject or limit.subject == end_user) and (not limit.org or limit.org == org):
                yield charge(limit, f"{org}/{end_user}", end_user, org)


class Rows:
    """The limits of the database, which change while snapshots stay. One loop replaces them, every call reads them."""

    def __init__(self) -> None:
        self.limits: tuple[Limit, ...] = ()
        self._book = Book(None)
        self._joined: dict[tuple[int, int], tuple[tuple[Charge, ...], tuple[Charge, ...], tuple[Charge, ...]]] = {}

    def replace(self, limits: tuple[Limit, ...]) -> None:
        self.limits = limits
        self._book = Book(None, limits)
        self._joined = {}

    def charges(self, book: Book, key: Key, route: str = "", model: str = "", end_user: str = "") -> tuple[Charge, ...]:
        """The limits of a call: those that `book` has, and those of the database."""
        own = book.charges(key, route, model, end_user)
        if not self.limits:
            return own
        more = self._book.charges(key, route, model, end_user)
        if not own or not more:
            return own or more
        found = self._joined.get((id(own), id(more)))
        if found is None or found[0] is not own or found[1] is not more:
            if len(self._joined) >= _REMEMBERED:
                self._joined.clear()
            found = self._joined[id(own), id(more)] = (own, more, own + more)
        return found[2]


def _subjects(key: Key, route: str, model: str) -> Iterator[tuple[ScopeKind, str, str, tuple[str, ...]]]:
    """(kind, subject, as people know it, what a limit may call it)."""
    yield "key", key.line or key.id, key.name, (key.line, key.id, key.name)
    yield "organisation", key.org, key.org, (key.org,)
    if key.team:
        yield "team", key.team, key.team, (key.team,)
    if key.user:
        yield "user", key.user, key.user, (key.user,)
    if route:
        yield "route", route, route, (route,)
    if model:
        yield "model", model, model, (model,)
    for tag in key.tags:
        yield "tag", f"{key.org}/{tag}", tag, (tag,)
