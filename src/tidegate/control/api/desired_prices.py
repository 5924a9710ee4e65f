"""Prices in a document: the versions that the database is to have, by name and in the form of `prices` of tidegate.yaml."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from tidegate.control.api.call import Call
from tidegate.control.api.desired_steps import Step, adding, removing, replacing, shown
from tidegate.control.api.prices import day, price_entry
from tidegate.control.api.problem import FieldError, Problem, conflict, invalid, invalid_field
from tidegate.control.desired import version_of
from tidegate.control.prices import flaw_of_name
from tidegate.policy.roles import GATEWAY, Grant
from tidegate.records import StoredPrice

Versions = Mapping[str, Sequence[dict[str, Any]]]
_FOR_PRICES = frozenset(f"prices:{verb}" for verb in ("create", "edit", "delete"))


def price_steps(
    call: Call, wanted: Versions | None, present: Sequence[StoredPrice], file: Versions, providers: Sequence[str]
) -> list[Step]:
    """What makes the database's prices those of the document. Raises `Problem`."""
    if wanted is None:
        return []
    known = {(row.name, row.valid_from): row for row in present if row.name not in file}
    steps: list[Step] = []
    for name, versions in wanted.items():
        if name in file:
            if list(versions) != list(file[name]):
                raise conflict(f"The prices of `{name}` are in the gateway's own file, and differ there: change them there.")
            continue
        flaw = flaw_of_name(name, providers)
        if flaw is not None:
            raise invalid_field(f"prices.{name}", flaw)
        rows = [_row(call, name, given, f"prices.{name}[{index}]") for index, given in enumerate(versions)]
        if len({row.valid_from for row in rows}) < len(rows):
            raise invalid_field(f"prices.{name}", "two versions begin on the same day")
        for row in rows:
            steps += _step(call, known.pop((name, row.valid_from), None), row)
    steps += [Step(shown("price", _named(row), version_of(row), None), removing(call, row)) for row in known.values()]
    if steps:
        call.require_held((Grant(GATEWAY, _FOR_PRICES),), "A change of prices")
    return steps


def _step(call: Call, before: StoredPrice | None, after: StoredPrice) -> list[Step]:
    if before is None:
        return [Step(shown("price", _named(after), None, version_of(after)), adding(call, after))]
    if before.price == after.price:
        return []
    row = msgspec.structs.replace(before, price=after.price)
    return [Step(shown("price", _named(row), version_of(before), version_of(row)), replacing(call, row, "price.update"))]


def _row(call: Call, name: str, given: dict[str, Any], where: str) -> StoredPrice:
    provider, _, model = name.partition("/")
    row = StoredPrice(
        id=call.new_id("price"),
        provider=provider,
        model=model,
        valid_from=_begin(given.get("from"), f"{where}.from"),
        price={field: value for field, value in given.items() if field != "from"},
        created_by=call.actor_name,
        created_at=call.now,
        updated_at=call.now,
    )
    try:
        return msgspec.structs.replace(row, price=price_entry(row))
    except Problem as problem:
        raise invalid(*(FieldError(where + error.field.removeprefix("entry"), error.message) for error in problem.errors)) from None


def _begin(text: object, where: str) -> int:
    if text is None:
        return 0
    try:
        return day(where, date.fromisoformat(str(text)))
    except ValueError:
        raise invalid_field(where, "a day is written like `2026-06-01`") from None


def _named(row: StoredPrice) -> str:
    begins = version_of(row).get("from")
    return row.name if begins is None else f"{row.name} from {begins}"
