"""Why a claim was not granted: of all limits that stand in the way the one that opens last, so that nobody is told to come back too early.

Only refused calls pay for this. Called by the counters, after they have given back what they had taken.
"""

from collections.abc import Sequence

from tidegate.policy.limits.cells import Counted
from tidegate.policy.limits.rules import REQUESTS, SPEND, TOKENS, TRIES, Charge, Claim, Left, Refusal, asked

_BUSY = 1.0
_NEVER = float("inf")


def refusal(claim: Claim, cells: Sequence[Counted], now: int, wall: float) -> Refusal:
    """`cells` are those of `claim.charges`, in their order; at least one of them has no room."""
    worst: Refusal | None = None
    last = -1.0
    for charge, cell in zip(claim.charges, cells, strict=True):
        if not charge.enforced:
            continue
        found = _standing_in_the_way(claim, charge, cell, now, wall)
        if found is not None:
            wait = _NEVER if found.wait is None else found.wait
            if wait > last:
                worst, last = found, wait
    if worst is None:
        raise ValueError("no limit refuses this claim")
    return Refusal(
        worst.charge,
        worst.used,
        worst.reserved,
        worst.wanted,
        worst.wait,
        worst.opens,
        worst.busy,
        _tightest(claim, cells, (REQUESTS, TRIES), now, wall),
        _tightest(claim, cells, (TOKENS,), now, wall),
    )


def _standing_in_the_way(claim: Claim, charge: Charge, cell: Counted, now: int, wall: float) -> Refusal | None:
    limit = charge.limit
    wanted = asked(claim, charge)
    wait = cell.wait(limit, wanted, now, wall) if wanted else 0
    if wait == 0:
        return None
    used, reserved = cell.used(limit, now, wall)
    busy = charge.measure == SPEND and used + wanted <= limit.amount
    if busy:
        wait = _BUSY
    return Refusal(charge, used, reserved, wanted, wait, None if wait is None or busy else wall + wait, busy)


def _tightest(claim: Claim, cells: Sequence[Counted], measures: tuple[int, ...], now: int, wall: float) -> Left | None:
    best: Left | None = None
    for charge, cell in zip(claim.charges, cells, strict=True):
        if charge.shown and charge.measure in measures:
            left = cell.left(charge.limit, now, wall)
            if best is None or left < best.left:
                best = Left(charge, left, cell.reset(charge.limit, now, wall))
    return best
