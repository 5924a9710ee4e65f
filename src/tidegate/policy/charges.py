"""Which limits hold for a call: those of its key and of everything the key belongs to, of the route, the model and the end user.

A `Book` belongs to one snapshot, like the planner; what it has worked out for a key, a route and a model it remembers, within bounds.
"""

from collections.abc import Iterator

import msgspec

from tidegate.policy.limits.budgets import Budgets, budgets_of
from tidegate.policy.limits.rules import Charge, Limit, ScopeKind, are_lasting, charge
from tidegate.policy.snapshot import Key, Snapshot, Target

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
        found = self.lasting(key, route, model)
        return found + self.of_end_user(key.org, end_user) if end_user else found

    def lasting(self, key: Key, route: str, model: str) -> tuple[Charge, ...]:
        """Those that all calls of a key, a route and a model have: the same tuple for each of them."""
        found = self._known.get((key.id, key.revision, route, model))
        return self._first_time(key, route, model) if found is None else found

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

    def of_end_user(self, org: str, end_user: str) -> tuple[Charge, ...]:
        """End users of two organisations are never the same."""
        if not self._end_users:
            return ()
        name = end_user[:_LONGEST]
        return tuple(
            charge(limit, f"{org}/{name}", name, org)
            for limit in self._end_users
            if (not limit.subject or limit.subject == name) and (not limit.org or limit.org == org)
        )


class _Joined(msgspec.Struct, frozen=True):
    """`parts` are kept, so that nothing else has their identity."""

    parts: tuple[object, ...]
    charges: tuple[Charge, ...]


class Rows:
    """The limits of the database, which change while snapshots stay, joined with those of a snapshot. One loop replaces them, every call
    reads them."""

    def __init__(self) -> None:
        self.limits: tuple[Limit, ...] = ()
        self._book = Book(None)
        self._of: Book | None = None
        self._joined: dict[tuple[int, int, int], _Joined] = {}
        self._budgets: dict[int, tuple[tuple[Charge, ...], Budgets | None]] = {}

    def replace(self, limits: tuple[Limit, ...]) -> None:
        self.limits = limits
        self._book = Book(None, limits)
        self._joined = {}
        self._budgets = {}

    def charges(
        self, book: Book, key: Key, route: str = "", model: str = "", end_user: str = "", target: Target | None = None
    ) -> tuple[Charge, ...]:
        """The limits of a call: those that `book` has, those of the database, and those of the credential that `target` has. Calls that
        have the same, and no end user, get the same tuple."""
        if book is not self._of:
            self._of = book  # what was put together with another snapshot has its credentials
            self._joined = {}
            self._budgets = {}
        own = book.lasting(key, route, model)
        more = self._book.lasting(key, route, model) if self.limits else ()
        theirs = None if target is None or target.account is None or not target.account.limits else target
        if more or theirs is not None:
            own = self._together(own, more, theirs)
        if end_user:
            return own + book.of_end_user(key.org, end_user) + self._book.of_end_user(key.org, end_user)
        return own

    def budgets(self, charges: tuple[Charge, ...]) -> Budgets | None:
        """The limits of money among these."""
        found = self._budgets.get(id(charges))
        if found is not None:
            return found[1]
        budgets = budgets_of(charges)
        if are_lasting(charges):
            if len(self._budgets) >= _REMEMBERED:
                self._budgets.clear()
            self._budgets[id(charges)] = (charges, budgets)
        return budgets

    def _together(self, own: tuple[Charge, ...], more: tuple[Charge, ...], target: Target | None) -> tuple[Charge, ...]:
        account = None if target is None else target.account
        names = (id(own), id(more), id(account))
        found = self._joined.get(names)
        if found is None:
            if len(self._joined) >= _REMEMBERED:
                self._joined.clear()
            charges = own + more
            if target is not None and account is not None:
                charges += tuple(charge(limit, account.id, target.upstream.name) for limit in account.limits)
            found = self._joined[names] = _Joined((own, more, account), charges)
        return found.charges


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
