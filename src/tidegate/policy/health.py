"""How the targets are, as this process has seen them: one `Place` for each credential and model, kept over changes of the configuration.

State of a process in one place, told the time (monotonic, in seconds) and what was drawn; the proxy begins and ends each attempt here,
and the control API reads it and drains and restores targets by hand.
"""

import math

from tidegate.ir.errors import Error, ErrorKind
from tidegate.policy.circuit import Circuit
from tidegate.policy.pace import Pace
from tidegate.policy.retry import is_trouble
from tidegate.policy.snapshot import Target

WINDOW = 10.0
"""Seconds over which retries are counted."""
SHARE = 0.2
"""Retries may be this share of the requests of a window."""
FLOOR = 3
"""Retries that may run at once in any case."""
MOST_PLACES = 4096
MOST_DRAINED = 1000
_WEIGHT = 0.2
"""Of the newest value, in a mean that forgets."""
HALF_LIFE = 60.0
"""Seconds after which a time that was not measured again counts half: a target that was slow is tried again."""


class Place:
    """One credential and model. `account` is the name of its credential, empty for the only one."""

    __slots__ = (
        "_from",
        "_latency",
        "_measured",
        "_requests",
        "_retries",
        "_retrying",
        "account",
        "circuit",
        "failed",
        "in_flight",
        "is_known",
        "last_error",
        "name",
        "ok",
        "provider",
    )

    def __init__(self, target: Target) -> None:
        self.name = target.name
        self.provider = target.upstream.name
        self.account = "" if target.account is None else target.account.name
        self.is_known = target.is_known
        self.in_flight = 0
        self.ok = 0
        self.failed = 0
        self.last_error = ""
        self.circuit = Circuit()
        self._latency = 0.0
        self._measured = 0.0
        self._from = -math.inf
        self._requests = 0
        self._retries = 0
        self._retrying = 0

    def begun(self, now: float) -> None:
        self.in_flight += 1
        if now - self._from > WINDOW:
            self._from, self._requests, self._retries = now, 0, 0
        self._requests += 1

    def succeeded(self, began: float, now: float, latency: float | None) -> None:
        """`latency` is the time to the first content, in seconds."""
        self.in_flight -= 1
        self.ok += 1
        self.circuit.succeeded(began)
        if latency is not None:
            self._latency = latency if not self._measured else self._latency + _WEIGHT * (latency - self._latency)
            self._measured = now

    def ended_badly(self, began: float, now: float, error: Error, waited: float | None, draw: float) -> None:
        """An attempt failed. Errors that are the call's own say nothing of the place, but that it answers."""
        self.in_flight -= 1
        if error.kind is ErrorKind.RATE_LIMIT or error.http_status == 429:
            self._told(error)
            self.circuit.limited(now, waited, draw)
        elif is_trouble(error):
            self._told(error)
            self.circuit.failed(began, now, draw)
            if waited:
                self.circuit.limited(now, waited, draw)
        else:
            self.circuit.succeeded(began)

    def left(self, began: float) -> None:
        """The attempt ended without an answer, because its client left or another attempt was faster."""
        self.in_flight -= 1
        self.circuit.left(began)

    def _told(self, error: Error) -> None:
        self.failed += 1
        self.last_error = f"{error.kind.word}: {error.message}"[:200]

    def may_retry(self, now: float) -> bool:
        """Whether the budget of retries has room for one more here. Whoever is told yes calls `retried` once that has ended."""
        recent = now - self._from <= WINDOW
        if self._retrying >= FLOOR and not (recent and self._retries + 1 <= SHARE * self._requests):
            return False
        self._retrying += 1
        self._retries += 1
        return True

    def retried(self) -> None:
        self._retrying -= 1

    def latency(self, now: float) -> float:
        """The time to the first content that is expected, in seconds; 0 where nothing is known."""
        return self._latency * 0.5 ** ((now - self._measured) / HALF_LIFE) if self._measured else 0.0


class Health:
    """All places that were used. `drained` are names of targets, or `provider/*`, that take no new calls."""

    def __init__(self) -> None:
        self._places: dict[str, Place] = {}
        self._paces: dict[str, Pace] = {}
        self.drained: set[str] = set()

    def place(self, target: Target) -> Place:
        place = self._places.get(target.place)
        return self._new(target) if place is None else place

    def pace(self, route: str) -> Pace:
        """Of a configured route."""
        pace = self._paces.get(route)
        if pace is None:
            if len(self._paces) >= MOST_PLACES:
                self._paces.clear()
            pace = self._paces[route] = Pace()
        return pace

    def is_drained(self, target: Target) -> bool:
        return bool(self.drained) and (target.name in self.drained or f"{target.upstream.name}/*" in self.drained)

    @property
    def ended(self) -> int:
        """How many attempts have ended with an answer or a failure, of the places that are known."""
        return sum(place.ok + place.failed for place in self._places.values())

    def places(self) -> list[Place]:
        return list(self._places.values())

    def _new(self, target: Target) -> Place:
        if len(self._places) >= MOST_PLACES:
            idle = next((key for key, place in self._places.items() if not place.in_flight), None)
            if idle is not None:
                del self._places[idle]
        place = self._places[target.place] = Place(target)
        return place
