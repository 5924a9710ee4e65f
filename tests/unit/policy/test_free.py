import msgspec
import pytest
from tests.unit.policy.values import upstream

from tidegate.ir.target import Capabilities, Profile, Quirks
from tidegate.policy.free import Used, closed_until, has_room, tier_of, turned
from tidegate.policy.snapshot import Target
from tidegate.providers.spec import Free

NOW = 1_700_000_000.0
MINUTE, DAY = int(NOW // 60), int(NOW // 86_400)
TIER = Free(match=("m",), rpm=2, rpd=5, tpm=100, tpd=200, source="s", date="2026-01-01")


def used(**counts: int) -> Used:
    return Used(minute=MINUTE, day=DAY, **counts)


@pytest.mark.parametrize(
    ("had", "room"),
    [
        (used(), True),
        (used(minute_requests=1, minute_tokens=99, day_requests=4, day_tokens=199), True),
        (used(minute_requests=2), False),
        (used(minute_tokens=100), False),
        (used(day_requests=5), False),
        (used(day_tokens=200), False),
        (Used(minute=MINUTE - 1, minute_requests=2, day=DAY, day_requests=4), True),
        (Used(day=DAY - 1, day_requests=5), True),
    ],
)
def test_room_within_each_limit(had: Used, room: bool) -> None:
    assert has_room(TIER, had, NOW) is room


def test_what_is_not_published_does_not_bound() -> None:
    assert has_room(Free(match=("m",), source="s", date="d"), used(minute_requests=10**6, day_tokens=10**9), NOW)


def test_a_providers_word_closes_it() -> None:
    had = msgspec.structs.replace(used(), closed=NOW + 5)
    assert not has_room(TIER, had, NOW)
    assert has_room(TIER, had, NOW + 5)
    assert turned(had, NOW + 90_000).closed == had.closed


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (200, {}, None),
        (200, {"x-ratelimit-remaining-requests": "3"}, None),
        (200, {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "2m59.5s"}, 179.5),
        (200, {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "340ms"}, 0.34),
        (200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW + 100) * 1000)}, 100),
        (200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW + 100))}, 100),
        (200, {"x-ratelimit-remaining-requests": "0"}, 60),
        (429, {}, 60),
        (429, {"retry-after": "7"}, 7),
        (429, {"retry-after": "7", "x-ratelimit-timeremaining": "5631"}, 5631),
        (429, {"retry-after": "soon"}, 60),
        (429, {"retry-after": "999999999"}, 86_400),
        (500, {"retry-after": "7"}, None),
    ],
)
def test_what_the_answer_says(status: int, headers: dict[str, str], seconds: float | None) -> None:
    found = closed_until(status, headers, NOW)
    assert found == 0 if seconds is None else found == pytest.approx(NOW + seconds)


def test_a_shared_tier_is_one_for_all_models() -> None:
    target = Target(
        name="openai/m",
        upstream=upstream("openai"),
        model="m",
        profile=Profile(provider="p", model="m", capabilities=Capabilities(), quirks=Quirks()),
    )
    assert tier_of(target, TIER) == "openai/m"
    assert tier_of(target, msgspec.structs.replace(TIER, shared=True)) == "openai/"


@pytest.mark.parametrize(("model", "held"), [("m", True), ("mm", False), ("x-1", True), ("a:free", True), ("free", False)])
def test_which_models_a_tier_is_for(model: str, held: bool) -> None:
    assert Free(match=("m", "x-*", "*:free"), source="s", date="d").holds(model) is held
