"""How far a key reaches, and that no key is made which reaches further than the one that makes it."""

import ipaddress
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.policy.bounds import Bounds, Hours, admits, flaw_of_address, flaw_of_pattern, flaw_of_time_of_day, wider
from tidegate.policy.overload.queue import Priority

NAMES = ("claude-a", "claude-b", "gpt-x", "anthropic/claude-a")
PATTERNS = (*NAMES, "claude-*", "anthropic/*", "c*", "*")
NETWORKS = ("10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "192.0.2.0/24", "::/0", "2001:db8::/32", "2001:db8:1::/48")
PEERS = ("10.1.2.3", "10.1.9.9", "10.9.9.9", "192.0.2.7", "198.51.100.1", "2001:db8:1::5", "2001:db8:2::5", "2001:db9::1")
OFFICE = Hours(days=("mon", "tue", "wed"), from_="08:00", to="18:00", time_zone="Europe/Berlin")


@pytest.mark.parametrize(
    ("granter", "granted", "fields"),
    [
        (Bounds(), Bounds(), []),
        (Bounds(), Bounds(models=("a",), routes=("r",), addresses=("10.0.0.0/8",), times=(OFFICE,), expires_at=1, budget_nano=1), []),
        (Bounds(models=("a",)), Bounds(), ["models"]),
        (Bounds(models=("a*",)), Bounds(models=("ab", "a*", "abc*")), []),
        (Bounds(models=("a*",)), Bounds(models=("ab", "b")), ["models"]),
        (Bounds(models=("a",)), Bounds(models=("a*",)), ["models"]),
        (Bounds(routes=("smart",)), Bounds(routes=("smart", "fast")), ["routes"]),
        (Bounds(addresses=("10.0.0.0/8",)), Bounds(addresses=("10.2.0.0/16",)), []),
        (Bounds(priority=Priority.BACKGROUND), Bounds(priority=Priority.BATCH), []),
        (Bounds(priority=Priority.BACKGROUND), Bounds(), ["priority"]),
        (Bounds(addresses=("10.0.0.0/8",)), Bounds(addresses=("0.0.0.0/0",)), ["addresses"]),
        (Bounds(addresses=("10.0.0.0/8",)), Bounds(addresses=("::/0",)), ["addresses"]),
        (Bounds(addresses=("::/0",)), Bounds(addresses=("10.0.0.0/8",)), ["addresses"]),
        (Bounds(expires_at=10), Bounds(expires_at=11), ["expires_at"]),
        (Bounds(expires_at=10), Bounds(), ["expires_at"]),
        (Bounds(expires_at=10), Bounds(expires_at=10), []),
        (Bounds(budget_nano=5), Bounds(budget_nano=6), ["budget_nano"]),
        (Bounds(budget_nano=5), Bounds(), ["budget_nano"]),
        (Bounds(times=(OFFICE,)), Bounds(times=(Hours(days=("mon",), from_="09:00", to="10:00", time_zone="Europe/Berlin"),)), []),
        (Bounds(times=(OFFICE,)), Bounds(times=(Hours(days=("mon",), from_="09:00", to="10:00"),)), ["times"]),
        (Bounds(times=(OFFICE,)), Bounds(times=(Hours(days=("sun",), from_="09:00", to="10:00", time_zone="Europe/Berlin"),)), ["times"]),
        (Bounds(times=(OFFICE,)), Bounds(times=(Hours(days=("mon",), from_="07:00", to="10:00", time_zone="Europe/Berlin"),)), ["times"]),
        (Bounds(times=(Hours(from_="22:00", to="06:00"),)), Bounds(times=(Hours(from_="01:00", to="02:00"),)), ["times"]),
        (Bounds(times=(Hours(from_="22:00", to="06:00"),)), Bounds(times=(Hours(from_="22:00", to="06:00"),)), []),
        (Bounds(times=(OFFICE,)), Bounds(), ["times"]),
    ],
)
def test_what_reaches_further(granter: Bounds, granted: Bounds, fields: list[str]) -> None:
    assert wider(granter, granted) == fields


bounds = st.builds(
    Bounds,
    models=st.lists(st.sampled_from(PATTERNS), max_size=3).map(tuple),
    addresses=st.lists(st.sampled_from(NETWORKS), max_size=3).map(tuple),
    expires_at=st.one_of(st.none(), st.integers(0, 5)),
    budget_nano=st.one_of(st.none(), st.integers(0, 5)),
)


def reach(of: Bounds) -> set[tuple[str, object]]:
    """Everything that a key with these bounds can do, spelled out."""
    found: set[tuple[str, object]] = set()
    found.update(("model", name) for name in NAMES if not of.models or any(_matches(name, pattern) for pattern in of.models))
    found.update(("peer", peer) for peer in PEERS if not of.addresses or any(_in(peer, network) for network in of.addresses))
    found.update(("time", at) for at in range(7) if of.expires_at is None or at <= of.expires_at)
    found.update(("money", nano) for nano in range(7) if of.budget_nano is None or nano <= of.budget_nano)
    return found


def _matches(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _in(peer: str, network: str) -> bool:
    return ipaddress.ip_address(peer) in ipaddress.ip_network(network)


@settings(max_examples=200, deadline=None)
@given(granter=bounds, granted=bounds)
def test_what_passes_reaches_nothing_new(granter: Bounds, granted: Bounds) -> None:
    """T-AZ-2 for bounds: whatever passes can do nothing that the granter cannot."""
    if not wider(granter, granted):
        assert reach(granted) <= reach(granter)


@settings(max_examples=100, deadline=None)
@given(of=bounds)
def test_everyone_may_grant_what_they_have(of: Bounds) -> None:
    assert wider(of, of) == []


@settings(max_examples=200, deadline=None)
@given(first=bounds, second=bounds, third=bounds)
def test_a_chain_of_grants_widens_nothing(first: Bounds, second: Bounds, third: Bounds) -> None:
    if not wider(first, second) and not wider(second, third):
        assert wider(first, third) == []


def test_fifty_thousand_grants_widen_nothing() -> None:
    """T-AZ-2 at its size: every one of many random keys makes every other."""
    source = random.Random(3)

    def some(values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(source.sample(values, source.randint(0, 3)))

    def ceiling() -> int | None:
        return source.choice((None, *range(6)))

    keys = [Bounds(models=some(PATTERNS), addresses=some(NETWORKS), expires_at=ceiling(), budget_nano=ceiling()) for _ in range(230)]
    reaches = [(key, reach(key)) for key in keys]
    passed = [(mine, theirs) for own, mine in reaches for made, theirs in reaches if not wider(own, made)]
    assert len(keys) ** 2 > 50_000
    assert len(passed) > 1000
    assert all(theirs <= mine for mine, theirs in passed)


@pytest.mark.parametrize("text", ["", " a", "a ", "*a", "a*b", "**", "a\n"])
def test_what_is_no_pattern(text: str) -> None:
    assert flaw_of_pattern(text) is not None


@pytest.mark.parametrize("text", ["a", "*", "anthropic/*", "a b"])
def test_what_is_a_pattern(text: str) -> None:
    assert flaw_of_pattern(text) is None


def test_networks_are_checked() -> None:
    assert [text for text in ("10.0.0.0/8", "10.0.0.1", "::1", "2001:db8::/32") if flaw_of_address(text)] == []
    assert all(flaw_of_address(text) for text in ("", "10.0.0.1/8", "10.0.0", "host", "0x7f.1"))


def test_times_of_day_are_checked() -> None:
    assert [text for text in ("00:00", "23:59", "24:00") if flaw_of_time_of_day(text)] == []
    assert all(flaw_of_time_of_day(text) for text in ("", "24:01", "8:00", "08:60", "0800", "-1:00", "\u0660\u0661:00"))


@pytest.mark.parametrize(
    ("networks", "address", "expected"),
    [
        ((), "anything", True),
        (("10.0.0.0/8",), "10.1.2.3", True),
        (("10.0.0.0/8",), "::ffff:10.1.2.3", True),
        (("10.0.0.0/8",), "11.0.0.1", False),
        (("fe80::/10",), "fe80::1%eth0", True),
        (("10.0.0.0/8",), "", False),
    ],
)
def test_who_may_come_from_where(networks: tuple[str, ...], address: str, expected: bool) -> None:
    assert admits(networks, address) is expected
