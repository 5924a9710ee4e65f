"""Which limits hold for a call: those of its key and of everything the key belongs to, of the route, the model and the end user.

A `Book` belongs to one snapshot, like the planner; what it has worked out for a key, a route and a model it remembers, within bounds.
"""

from collections.abc import Iterator

from tidegate.policy.limits.rules import Charge, ScopeKind, charge
from tidegate.policy.snapshot import Key, Snapshot

_REMEMBERED = 16_384
_LONGEST = 256
"""Characters of an end user's name that are told apart: longer names are one subject with all that begin so."""


class Book:
    """The limits of one snapshot, found by call."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._routes = {route.name: route.limits for route in (*snapshot.routes.values(), *snapshot.prefix_routes) if route.limits}
        self._end_users = tuple(limit for limit in snapshot.limits if limit.kind == "end_user")
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
        own = [charge(limit, key.id, key.name, key.org) for limit in key.limits]
        own += [charge(limit, route) for limit in self._routes.get(route, ())]
        own += [
            charge(limit, subject, whose, key.org)
            for limit in self._snapshot.limits
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


def _subjects(key: Key, route: str, model: str) -> Iterator[tuple[ScopeKind, str, str, tuple[str, ...]]]:
    """(kind, subject, as people know it, what a limit may call it)."""
    yield "key", key.id, key.name, (key.id, key.name)
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
