"""How rates stand that somebody else counts: what was told, in the form of a counter, so that refusals are explained the same way."""

from collections.abc import Sequence
from typing import Any

import msgspec

from tidegate.policy.limits.rules import TOKENS, Charge, Left, Limit


class Told(msgspec.Struct, frozen=True, gc=False):
    """One limit before a call: `until` are the seconds until what was asked fits, `whole` until all is free; None = never."""

    rest: int
    taken: int
    running: int
    until: float | None
    whole: float | None


class Rated(msgspec.Struct, frozen=True, gc=False):
    """`taken` is what must be settled, None where nothing was taken; `told` how each limit stood before, in the order of the charges."""

    taken: Any
    told: tuple[Told, ...]


class ToldCell:
    """A `cells.Counted`."""

    def __init__(self, told: Told) -> None:
        self._told = told

    def left(self, limit: Limit, now: int, wall: float) -> int:
        return self._told.rest

    def wait(self, limit: Limit, amount: int, now: int, wall: float) -> float | None:
        return self._told.until

    def reset(self, limit: Limit, now: int, wall: float) -> float | None:
        return self._told.whole

    def used(self, limit: Limit, now: int, wall: float) -> tuple[int, int]:
        return self._told.taken, self._told.running


def tightest(
    charges: Sequence[Charge], told: Sequence[Told], amounts: Sequence[int], requests: Left | None, tokens: Left | None
) -> tuple[Left | None, Left | None]:
    """The tightest limits of requests and of tokens after a call, of these and of what is given."""
    for charge, stood, amount in zip(charges, told, amounts, strict=True):
        if not charge.shown or charge.limit.what == "concurrent":
            continue
        found = Left(charge, stood.rest - amount, stood.whole)
        if charge.measure == TOKENS:
            tokens = found if tokens is None or found.left < tokens.left else tokens
        else:
            requests = found if requests is None or found.left < requests.left else requests
    return requests, tokens
