import msgspec
import pytest
from tests.unit.policy.values import snapshot, upstream

from tidegate.ir.errors import Error, ErrorKind
from tidegate.policy.health import FLOOR, HALF_LIFE, MOST_PLACES, SHARE, WINDOW, Health, Place
from tidegate.policy.models import Models
from tidegate.policy.secret import Secret
from tidegate.policy.snapshot import Account, Target

OPENAI = upstream("openai")
MODELS = Models(snapshot(OPENAI))


def target(name: str = "gpt-9") -> Target:
    return MODELS.targets(OPENAI, name)[0]


def error(status: int, kind: ErrorKind = ErrorKind.UPSTREAM) -> Error:
    return Error(kind=kind, message="it broke", status=status)


def ended(place: Place, found: Error, waited: float | None = None, now: float = 5.0) -> None:
    place.begun(now)
    place.ended_badly(now, now, found, waited, 0.0)


def test_a_place_is_one_credential_and_model() -> None:
    health = Health()
    two = msgspec.structs.replace(
        OPENAI, accounts=(Account(id="a", name="first", secret=Secret("x" * 9)), Account(id="b", name="second", secret=Secret("y" * 9)))
    )
    first, second = MODELS.targets(two, "gpt-9")
    assert health.place(first) is health.place(first)
    assert health.place(first) is not health.place(second)
    assert [place.account for place in health.places()] == ["first", "second"]
    assert {place.name for place in health.places()} == {"openai/gpt-9"}


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (error(500), "open"),
        (error(0, ErrorKind.TIMEOUT), "open"),
        (error(529, ErrorKind.OVERLOADED), "open"),
        (error(400, ErrorKind.BAD_REQUEST), "closed"),
        (error(401, ErrorKind.AUTHENTICATION), "closed"),
        (error(400, ErrorKind.CONTENT_FILTER), "closed"),
    ],
)
def test_only_what_says_that_a_target_is_not_well_opens_its_circuit(found: Error, state: str) -> None:
    place = Health().place(target())
    for _ in range(3):
        ended(place, found)
    assert (place.circuit.state(5.0), place.in_flight) == (state, 0)
    assert bool(place.last_error) is (state == "open")


def test_a_429_cools_at_once_and_a_503_that_says_for_how_long_too() -> None:
    place = Health().place(target())
    ended(place, error(429, ErrorKind.RATE_LIMIT), 7.0)
    assert place.circuit.rest(5.0) == 7.0
    other = Health().place(target())
    ended(other, error(503, ErrorKind.UNAVAILABLE), 4.0)
    assert other.circuit.rest(5.0) == 4.0


def test_the_budget_of_retries_is_a_share_with_a_floor() -> None:
    place = Health().place(target())
    for _ in range(FLOOR):
        assert place.may_retry(1.0)
    assert not place.may_retry(1.0)
    place.retried()
    assert place.may_retry(1.0)
    for _ in range(100):
        place.begun(2.0)
    allowed = 0
    while place.may_retry(2.0):
        allowed += 1
    assert allowed <= SHARE * 100
    assert not place.may_retry(2.0 + WINDOW + 1)


def test_the_time_to_the_first_content_forgets() -> None:
    place = Health().place(target())
    assert place.latency(1.0) == 0.0
    for _ in range(50):
        place.begun(1.0)
        place.succeeded(1.0, 1.0, 2.0)
    assert place.latency(1.0) == pytest.approx(2.0)
    assert place.latency(1.0 + HALF_LIFE) == pytest.approx(1.0)
    place.begun(1.0)
    place.succeeded(1.0, 1.0, 4.0)
    assert 2.0 < place.latency(1.0) < 4.0
    place.begun(1.0)
    place.succeeded(1.0, 2.0, None)
    assert (place.ok, place.in_flight) == (52, 0)


def test_targets_are_drained_by_name_or_with_their_provider() -> None:
    health = Health()
    assert not health.is_drained(target())
    health.drained.add("openai/*")
    assert health.is_drained(target())
    health.drained = {"openai/gpt-9"}
    assert (health.is_drained(target()), health.is_drained(target("other"))) == (True, False)


def test_places_are_bounded_and_those_in_use_stay() -> None:
    health = Health()
    busy = health.place(target("busy"))
    busy.begun(1.0)
    for number in range(MOST_PLACES + 10):
        health.place(target(f"m{number}"))
    assert len(health.places()) == MOST_PLACES
    assert health.place(target("busy")) is busy
