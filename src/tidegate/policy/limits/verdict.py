"""What a caller is told of its limits: the error of a refused call, and the headers of every answer.

The names of the headers are OpenAI's and Anthropic's own, so that their clients understand them; the values are those of the tightest
limit. A budget's refusal asks clients not to try again by themselves, which is `x-should-retry: false` to the official ones.
"""

import datetime
import math
from functools import lru_cache

from tidegate.ir.errors import Error, ErrorKind
from tidegate.policy.limits.rules import SPEND, TOKENS, Charge, Left, Refusal, Reservation

Headers = list[tuple[bytes, bytes]]

_MEASURED = (b"requests", b"tokens")
_PARTS = (b"limit", b"remaining", b"reset")
_ANTHROPIC = [tuple(b"anthropic-ratelimit-%b-%b" % (name, part) for part in _PARTS) for name in _MEASURED]
_OPENAI = [tuple(b"x-ratelimit-%b-%b" % (part, name) for part in _PARTS) for name in _MEASURED]
_NANO = 1_000_000_000
_COUNTED = {"requests": "requests", "tokens": "tokens", "concurrent": "calls at the same time", "spend": "money"}


def refused(refusal: Refusal) -> Error:
    """The error of a refused call: which limit, whose, and when it opens again."""
    charge, limit = refusal.charge, refusal.charge.limit
    whose = f"{limit.kind.replace('_', ' ')} `{charge.whose[:128]}`"
    if limit.kind == "credential":
        message = f"The gateway's own limit of {_COUNTED[limit.what]} at `{charge.whose[:128]}` is reached. {_opens(refusal)}"
    elif limit.what == "spend":
        message = f"The budget of the {whose} of {usd(limit.amount)} {_per(charge)} {_money(refusal)}"
    elif limit.what == "concurrent":
        message = f"The {whose} has {refusal.reserved} calls running, of {limit.amount} at the same time. {_opens(refusal)}"
    elif refusal.wait is None and refusal.wanted > limit.amount:
        message = (
            f"This call needs about {refusal.wanted} tokens, and the {whose} may use {limit.amount} {_per(charge)}: make it smaller, or "
            "let the operator raise the limit."
        )
    else:
        message = f"The {whose} may use {limit.amount} {limit.what} {_per(charge)}; {_stands(refusal)}. {_opens(refusal)}"
    return Error(
        kind=ErrorKind.RATE_LIMIT,
        message=message,
        type="budget_exceeded" if limit.what == "spend" else None,
        code="budget_exceeded" if limit.what == "spend" else "rate_limit_exceeded",
        retry_after=None if refusal.wait is None or refusal.busy else float(max(1, math.ceil(refusal.wait))),
    )


def refusal_headers(refusal: Refusal, dialect: str, now: float) -> Headers:
    """Beside `retry-after`: the limits, and whether to try again at all."""
    final = refusal.wait is None or (refusal.charge.measure == SPEND and not refusal.busy)
    return [*_headers(refusal.requests, refusal.tokens, dialect, now), *([(b"x-should-retry", b"false")] if final else [])]


def headers(reservation: Reservation, dialect: str, now: float) -> Headers:
    """What is left after this call was reserved, at Unix time `now`; nothing where nothing is limited."""
    return _headers(reservation.requests, reservation.tokens, dialect, now)


def _headers(requests: Left | None, tokens: Left | None, dialect: str, now: float) -> Headers:
    is_anthropic = dialect == "anthropic"
    names = _ANTHROPIC if is_anthropic else _OPENAI
    out: Headers = []
    for place, left in enumerate((requests, tokens)):
        if left is not None:
            limit, remaining, opens = names[place]
            reset = left.reset or 0
            until = moment(now + reset).encode() if is_anthropic else _millis(math.ceil(reset * 1000)).encode()
            out += (
                (limit, b"%d" % left.charge.limit.amount),
                (remaining, b"%d" % left.left if left.left > 0 else b"0"),
                (opens, until),
            )
    return out


def duration(seconds: float) -> str:
    """As OpenAI writes it: `250ms`, `1.5s`, `6m0s`, `2h0m0s`."""
    return _millis(math.ceil(seconds * 1000))


@lru_cache(8192)
def _millis(millis: int) -> str:
    if millis < 1000:
        return f"{millis}ms"
    hours, rest = divmod(millis, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    text = f"{rest / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    return f"{hours}h{minutes}m{text}" if hours else f"{minutes}m{text}" if minutes else text


def moment(at: float, zone: datetime.tzinfo = datetime.UTC) -> str:
    """RFC 3339, in whole seconds, not before `at`."""
    return datetime.datetime.fromtimestamp(math.ceil(at), zone).isoformat().replace("+00:00", "Z")


def usd(nano: int) -> str:
    """`$25.00`, with as many digits as there are."""
    whole, rest = divmod(abs(nano), _NANO)
    cents = f"{rest:09d}".rstrip("0")
    return f"{'-' if nano < 0 else ''}${whole}.{cents:<02s}"


def _per(charge: Charge) -> str:
    per = charge.limit.per
    return "in total" if per == "total" else f"per {per}"


def _stands(refusal: Refusal) -> str:
    if refusal.charge.measure == TOKENS:
        return f"{refusal.used + refusal.reserved} are used or reserved, and this call may need {refusal.wanted}"
    return f"{refusal.used + refusal.reserved} are used"


def _money(refusal: Refusal) -> str:
    amount = refusal.charge.limit.amount
    stands = (
        f"{usd(refusal.used)} is spent, {usd(refusal.reserved)} is reserved by calls that run, and this one may cost {usd(refusal.wanted)}"
    )
    if refusal.busy:
        return f"has no room while other calls run: {stands}. Try again when they have ended."
    if refusal.wanted > amount:
        return f"is smaller than what this call may cost: {stands}. Set a lower `max_tokens`, or let the operator raise the budget."
    return f"is used up: {stands}. {_opens(refusal)}"


def _opens(refusal: Refusal) -> str:
    limit = refusal.charge.limit
    if refusal.wait is None or limit.per == "total":
        return "It does not open again by itself: let the operator raise it."
    if limit.what == "concurrent":
        return "Try again when one of them has ended."
    if refusal.opens is None or refusal.wait < 120:
        return f"It opens again in {duration(math.ceil(refusal.wait))}."
    return f"It opens again at {moment(refusal.opens, limit.zone)} (in {duration(math.ceil(refusal.wait))})."
