"""Free tiers: whether one has room for another call, as a function of its limits and of what was used. The proxy asks before each attempt
of a route with the strategy `free_first`, and what was used is kept behind a port.

Minutes and days are those of UTC: a provider whose day begins elsewhere says so itself, with a 429 and when to come back.
"""

from collections.abc import Mapping

import msgspec

from tidegate.policy.snapshot import Target
from tidegate.providers.spec import Free

_MINUTE, _DAY = 60, 86_400
_LONGEST = 86_400.0
"""Seconds for which a provider's word that nothing is left is believed at most."""


class Used(msgspec.Struct):
    """What a free tier has had. `closed` is when it opens again, in Unix time, by the provider's own word."""

    minute: int = 0
    minute_requests: int = 0
    minute_tokens: int = 0
    day: int = 0
    day_requests: int = 0
    day_tokens: int = 0
    closed: float = 0.0


def tier_of(target: Target, tier: Free) -> str:
    """The name under which calls are counted: of one model, or of all that share the tier."""
    return f"{target.upstream.name}/" if tier.shared else target.name


def has_room(tier: Free, used: Used, now: float) -> bool:
    """Whether one more request is within the limits. `now` is Unix time in seconds."""
    current = turned(used, now)
    return now >= current.closed and not any(
        limit is not None and had >= limit
        for limit, had in (
            (tier.rpm, current.minute_requests),
            (tier.tpm, current.minute_tokens),
            (tier.rpd, current.day_requests),
            (tier.tpd, current.day_tokens),
        )
    )


def turned(used: Used, now: float) -> Used:
    """`used` with the counts of minutes and days that are over at nothing."""
    minute, day = int(now // _MINUTE), int(now // _DAY)
    current = msgspec.structs.replace(used)
    if current.minute != minute:
        current.minute, current.minute_requests, current.minute_tokens = minute, 0, 0
    if current.day != day:
        current.day, current.day_requests, current.day_tokens = day, 0, 0
    return current


def closed_until(status: int, headers: Mapping[str, str], now: float) -> float:
    """When a tier opens again by the answer of its provider: 0 where it says nothing of the kind. A 429 closes it for as long as it says,
    or a minute; headers that count what is left close it at 0 (GitHub: `x-ratelimit-timeremaining`; Groq and OpenAI: `x-ratelimit-reset-*`;
    OpenRouter: `x-ratelimit-reset` in milliseconds of Unix time)."""
    if status == 429:
        return now + min(_seconds(headers.get("x-ratelimit-timeremaining") or headers.get("retry-after"), _MINUTE), _LONGEST)
    for kind in ("-requests", "-tokens", ""):
        if headers.get(f"x-ratelimit-remaining{kind}", "").strip() == "0":
            return now + min(_until(headers.get(f"x-ratelimit-reset{kind}"), now), _LONGEST)
    return 0.0


def _until(text: str | None, now: float) -> float:
    """Seconds of a reset: a duration, or a moment in Unix time."""
    found = _seconds(text, _MINUTE)
    if found > now / 2:
        found = (found / 1000 if found > now * 100 else found) - now
    return max(0.0, found)


def _seconds(text: str | None, otherwise: float) -> float:
    """`7`, `1.5`, `2m59.56s`, `1h2m` or `340ms`, in seconds."""
    if not text:
        return otherwise
    total, digits = 0.0, ""
    rest = text.strip().lower().replace("ms", "u")
    for letter in rest:
        if letter.isdigit() or letter == ".":
            digits += letter
            continue
        scale = {"d": _DAY, "h": 3600, "m": _MINUTE, "s": 1, "u": 0.001}.get(letter)
        if scale is None or not _is_number(digits):
            return otherwise
        total += float(digits) * scale
        digits = ""
    if digits:
        if not _is_number(digits):
            return otherwise
        total += float(digits)
    return total


def _is_number(digits: str) -> bool:
    return digits.replace(".", "", 1).isdigit() and len(digits) < 20
