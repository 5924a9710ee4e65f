"""Which targets of a route are tried for one call, in which order, and why: what cannot do what the call asks for is left out first, then
each group is ordered by its strategy. Pure: what is known of the targets, the time and all randomness are handed in.
"""

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence

import msgspec

from tidegate.policy.credentials import spread
from tidegate.policy.health import Health
from tidegate.policy.price import version_at
from tidegate.policy.snapshot import Inner, StickyBy, Target
from tidegate.policy.when import ALWAYS, Facts, When, too_long, unable, unmet

OUTPUT = 500
"""Tokens of an answer, to compare prices where the call does not say how many it takes."""
_UNKNOWN = math.inf


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """A target of a group, with each of its credentials. `canary` is the percentage of calls that go there first; the others do not."""

    targets: tuple[Target, ...]
    weight: float = 1.0
    canary: float | None = None
    when: When = ALWAYS

    @property
    def name(self) -> str:
        return self.targets[0].name


class Group(msgspec.Struct, frozen=True, kw_only=True):
    choices: tuple[Choice, ...]
    strategy: Inner = "in_order"
    when: When = ALWAYS
    sticky_by: StickyBy = "session"


class Skipped(msgspec.Struct, frozen=True):
    name: str
    reason: str


class Selection(msgspec.Struct, frozen=True):
    """`targets` in the order in which they are tried, perhaps none. `why` says what chose the first."""

    targets: list[Target]
    why: str
    skipped: list[Skipped]


def select(groups: Sequence[Group], facts: Facts, health: Health, *, salt: str, now: float) -> Selection:
    """`salt` decides what is drawn: another one for each call. `now` is monotonic, in seconds."""
    targets: dict[str, Target] = {}
    skipped: list[Skipped] = []
    long: list[Choice] = []
    why = ""
    for group in groups:
        able, drawn = _able(group, facts, salt, skipped, long)
        ordered = [*drawn, *_ordered(group, able, facts, health, salt, now)]
        if ordered and not why:
            why = "canary" if drawn else _why(group)
        _add(targets, ordered, salt)
    if not targets and long:
        # How many tokens a prompt has is an estimate: where it would fit nowhere, the providers have the last word.
        names = {choice.name for choice in long}
        skipped = [skip for skip in skipped if skip.name not in names]
        _add(targets, long, salt)
        why = "in_order"
    return Selection(list(targets.values()), why, skipped)


def _able(group: Group, facts: Facts, salt: str, skipped: list[Skipped], long: list[Choice]) -> tuple[list[Choice], list[Choice]]:
    """Those of a group that may be tried, and the canaries that were drawn."""
    able: list[Choice] = []
    drawn: list[Choice] = []
    outside = unmet(group.when, facts)
    for choice in group.choices:
        target = choice.targets[0]
        capabilities = target.profile.capabilities
        reason = outside or unmet(choice.when, facts)
        if reason is None and not target.is_guess:
            reason = unable(capabilities, facts.asks)
        if reason is None and (over := too_long(capabilities, facts.tokens)) is not None:
            reason = over
            long.append(choice)
        if reason is None and choice.canary is not None:
            if _drawn(salt, choice.name) * 100 < choice.canary:
                drawn.append(choice)
                continue
            reason = f"is a canary for {choice.canary:g} % of calls"
        if reason is None:
            able.append(choice)
        else:
            skipped.append(Skipped(choice.name, reason))
    return able, drawn


def _add(targets: dict[str, Target], choices: Iterable[Choice], salt: str) -> None:
    for choice in choices:
        for target in spread(choice.targets, salt) if len(choice.targets) > 1 else choice.targets:
            targets.setdefault(target.place, target)


def _ordered(group: Group, able: list[Choice], facts: Facts, health: Health, salt: str, now: float) -> list[Choice]:
    if len(able) < 2 or group.strategy == "in_order":
        return able
    if group.strategy == "free_first":
        return sorted(able, key=lambda choice: choice.targets[0].free is None)
    if group.strategy == "cheapest":
        return sorted(able, key=lambda choice: _price(choice, facts))
    if group.strategy == "sticky":
        anchor = (facts.session if group.sticky_by == "session" else b"") or facts.prefix
        return sorted(able, key=_by_weight(anchor.hex() if anchor else salt))
    by_draw = _by_weight(salt)
    if group.strategy == "least_busy":
        return sorted(able, key=lambda choice: (_busy(choice, health) / choice.weight, by_draw(choice)))
    if group.strategy == "lowest_latency":
        return sorted(able, key=lambda choice: (_latency(choice, health, now), by_draw(choice)))
    return sorted(able, key=by_draw)


def _by_weight(salt: str) -> Callable[[Choice], float]:
    """Drawn by weight (Efraimidis and Spirakis, 2006); with the same salt the same order, whoever else is there: rendezvous hashing."""
    return lambda choice: -math.log(1 - _drawn(salt, choice.name)) / choice.weight


def _drawn(salt: str, name: str) -> float:
    """From [0, 1)."""
    digest = hashlib.blake2b(f"{salt}/{name}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest) >> 11) / 2**53


def _busy(choice: Choice, health: Health) -> int:
    return sum(health.place(target).in_flight for target in choice.targets)


def _latency(choice: Choice, health: Health, now: float) -> float:
    """The best of its credentials; what is not known yet is tried first."""
    return min(health.place(target).latency(now) for target in choice.targets)


def _price(choice: Choice, facts: Facts) -> float:
    price = version_at(choice.targets[0].price, facts.at)
    if price is None or price.input is None or price.output is None:
        return _UNKNOWN
    return facts.tokens * price.input + (OUTPUT if facts.output is None else facts.output) * price.output


def _why(group: Group) -> str:
    return f"sticky by {group.sticky_by}" if group.strategy == "sticky" else group.strategy
