"""Limits of the database beside those of a snapshot."""

import msgspec

from tidegate.policy.charges import Book, Rows
from tidegate.policy.limits.rules import Charge, Limit
from tidegate.policy.snapshot import Key

OF_KEY = Limit(id="own", kind="key", subject="k1", what="requests", per="day", amount=1)
OF_ACME = Limit(id="acme", kind="organisation", org="acme", what="spend", per="month", amount=5)
OF_USERS = Limit(id="users", kind="end_user", org="acme", what="tokens", per="day", amount=7)
KEY = Key(id="k1", name="laptop", digest=b"", org="acme", limits=(OF_KEY,))
OTHER = Key(id="k2", name="laptop", digest=b"", org="other")


def ids(charges: tuple[Charge, ...]) -> list[str]:
    return [charge.limit.id for charge in charges]


def test_they_stand_beside_those_of_the_file_and_of_their_own_organisation_only() -> None:
    rows, book = Rows(), Book(None, ())
    assert rows.charges(book, KEY) == ()
    rows.replace((OF_ACME, OF_USERS))
    assert ids(rows.charges(book, KEY)) == ["acme"]
    assert ids(rows.charges(book, KEY, end_user="bob")) == ["acme", "users"]
    assert rows.charges(book, OTHER, end_user="bob") == ()
    assert rows.charges(book, KEY)[0].org == "acme"


def test_an_edit_counts_from_the_next_call_on() -> None:
    rows, book = Rows(), Book(None, (OF_ACME,))
    rows.replace((OF_USERS,))
    both = rows.charges(book, KEY, end_user="bob")
    assert ids(both) == ["acme", "users"]
    assert rows.charges(book, KEY) is rows.charges(book, KEY)
    rows.replace(())
    assert ids(rows.charges(book, KEY, end_user="bob")) == ["acme"]


def test_another_snapshot_finds_its_own() -> None:
    rows, book, later = Rows(), Book(None, (OF_ACME,)), Book(None, ())
    rows.replace((msgspec.structs.replace(OF_ACME, id="more"),))
    both = rows.charges(book, KEY)
    assert ids(both) == ["acme", "more"] and rows.charges(book, KEY) is both
    assert ids(rows.charges(later, KEY)) == ["more"]
    assert rows.charges(book, KEY) == both
    budgets = rows.budgets(both)
    assert budgets is not None and [one.limit.id for one in budgets.hard] == ["acme", "more"]
    assert rows.budgets(both) is budgets
