from datetime import UTC, datetime

import pytest

from tidegate.policy.bounds import Hours
from tidegate.policy.reach import Reach, client_address, out_of_place, outside

WEDNESDAY_NOON = datetime(2026, 6, 3, 12, 0, tzinfo=UTC).timestamp()
TRUSTED = ("10.0.0.0/8", "::1")


def test_a_key_ends_at_its_time() -> None:
    assert outside(Reach(ends_at=100.0), "k", 99.9) is None
    found = outside(Reach(ends_at=100.0), "k", 100.0)
    assert found is not None
    assert (found.http_status, found.code) == (401, "key_expired")
    assert "`k` expired at 1970-01-01T00:01:40Z" in found.message


def test_a_key_that_was_rotated_is_told_that_there_is_a_new_one_whatever_ends_first() -> None:
    reach = Reach(ends_at=100.0, replaced_at=200.0)
    expired, replaced = outside(reach, "k", 199.0), outside(reach, "k", 200.0)
    assert expired is not None and replaced is not None
    assert (expired.code, replaced.http_status, replaced.code) == ("key_expired", 401, "key_replaced")
    assert "was replaced by a new one" in replaced.message and "worked until 1970-01-01T00:01:40Z" in replaced.message


@pytest.mark.parametrize(
    ("hours", "works"),
    [
        ({}, True),
        ({"days": ("wed",)}, True),
        ({"days": ("tue",)}, False),
        ({"from_": "12:00", "to": "12:01"}, True),
        ({"from_": "12:01", "to": "13:00"}, False),
        ({"from_": "09:00", "to": "12:00"}, False),
        ({"from_": "13:30", "to": "14:30", "time_zone": "Europe/Berlin"}, True),
        ({"days": ("tue",), "from_": "22:00", "to": "13:00"}, True),
        ({"days": ("wed",), "from_": "22:00", "to": "13:00"}, False),
    ],
)
def test_a_key_works_at_its_hours(hours: dict[str, object], works: bool) -> None:
    reach = Reach(times=(Hours(**hours),))  # pyright: ignore[reportArgumentType]  free fields for tests
    found = outside(reach, "k", WEDNESDAY_NOON)
    assert (found is None) == works
    assert found is None or (found.http_status, found.code) == (403, "outside_hours")


@pytest.mark.parametrize(
    ("address", "works"), [("192.0.2.7", True), ("::ffff:192.0.2.7", True), ("192.0.3.1", False), ("2001:db8::1%eth0", True), ("", False)]
)
def test_a_key_works_at_its_addresses(address: str, works: bool) -> None:
    reach = Reach(addresses=("192.0.2.0/24", "2001:db8::/32"))
    assert (out_of_place(reach, "k", address) is None) == works


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", ["1.1.1.1"], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["1.1.1.1"], "1.1.1.1"),
        ("10.0.0.1", ["6.6.6.6, 1.1.1.1, 10.0.0.2"], "1.1.1.1"),
        ("10.0.0.1", ["6.6.6.6", "1.1.1.1"], "1.1.1.1"),
        ("10.0.0.1", ["1.1.1.1, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["nonsense, 1.1.1.1"], "1.1.1.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.1"),
        ("::ffff:10.0.0.1", ["1.1.1.1:4711"], "1.1.1.1"),
        ("::1", ["[2001:db8::5]:99"], "2001:db8::5"),
    ],
)
def test_the_client_is_the_last_address_that_is_no_trusted_proxy(peer: str, forwarded: list[str], client: str) -> None:
    headers = [(b"x-forwarded-for", text.encode()) for text in forwarded]
    assert client_address(peer, [(b"x-real-ip", b"6.6.6.6"), *headers], TRUSTED) == client


def test_nobody_is_trusted_unless_it_is_said() -> None:
    assert client_address("10.0.0.1", [(b"x-forwarded-for", b"1.1.1.1")], ()) == "10.0.0.1"
