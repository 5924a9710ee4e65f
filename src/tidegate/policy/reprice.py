"""What was booked, at another price: the difference that a correction adds. No row of the ledger ever changes.

What the provider itself reported stays as it is, and so does what has no usage. Called for `tidegate ledger reprice`.
"""

import msgspec

from tidegate.ir.json import JsonObject
from tidegate.ir.usage import Usage
from tidegate.policy.price import PROVIDER, cost, version_at
from tidegate.providers.spec import Price


class Booked(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt as it stands in the ledger, with its corrections: `nano` is None where its cost is not known. `at` in Unix seconds;
    `corrections` is how many there are."""

    target: str
    at: float
    usage: Usage
    nano: int | None
    saved: int
    price_source: str | None
    corrections: int


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """`nano` and `saved` are differences; `priced` says that the cost was not known before."""

    nano: int
    saved: int
    price_source: str
    lines: tuple[JsonObject, ...]
    priced: bool


def correction(booked: Booked, price: Price | None) -> Correction | None:
    """None where nothing is wrong, or the price is not known."""
    if booked.price_source == PROVIDER:
        return None
    found = cost(booked.usage, version_at(price, booked.at))
    if found is None:
        return None
    nano, saved = found.nano - (booked.nano or 0), found.saved - booked.saved
    if booked.nano is not None and not nano and not saved:
        return None
    return Correction(
        nano=nano,
        saved=saved,
        price_source=found.label,
        lines=tuple(msgspec.to_builtins(line) for line in found.lines),
        priced=booked.nano is None,
    )
