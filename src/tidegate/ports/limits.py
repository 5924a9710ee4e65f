"""What limits and budgets need: counters of this process, the windows that processes share, and rates that they share."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from tidegate.policy.limits.leased import Figures
from tidegate.policy.limits.part import PartAsk, PartStand
from tidegate.policy.limits.rates import Rated, Told
from tidegate.policy.limits.rules import Actual, Charge, Claim, Limit, Refusal, Reservation, Standing
from tidegate.records import LimitRule


class Counters(Protocol):
    """Limits and budgets. An attempt is `request_id` and `attempt`; what it holds is settled or voided once, and repeating either changes
    nothing. Both never wait, so that they work on every way out of a call, also of one that is cancelled. A reservation that is neither
    renewed, settled nor voided within its lease counts as used."""

    async def reserve(self, claim: Claim) -> Reservation | Refusal:
        """Takes everything that `claim` wants, or nothing."""
        ...

    def settle(self, request_id: str, attempt: int, actual: Actual) -> None:
        """The attempt is over and used `actual`, which may be more than it had reserved."""
        ...

    def void(self, request_id: str, attempt: int) -> None:
        """The attempt never began: everything is given back, its request too."""
        ...

    def renew(self, request_id: str, attempt: int) -> None:
        """The attempt still runs."""
        ...

    async def quota(self, charges: Iterable[Charge]) -> list[Standing]:
        """How these limits stand now, in their order."""
        ...

    async def open_reservations(self) -> int:
        """Attempts that hold something."""
        ...


class Want(msgspec.Struct, frozen=True, gc=False):
    """`need` more of the window `[start, end)` of a limit. `end` is Unix time, and infinite where there is none."""

    charge: Charge
    start: int
    end: float
    need: int


class Granted(msgspec.Struct, frozen=True):
    """What became of asks, in their order, and how their windows stand now, by the counter's key and the window's start."""

    asks: tuple[bool, ...]
    figures: dict[tuple[str, int], Figures]


class Moved(msgspec.Struct, frozen=True):
    """A window of a limit before and after its usage was posted; `start` in Unix seconds. `posted` is all that this process has posted
    there."""

    key: str
    start: int
    before: int
    after: int
    posted: int


class PassedThreshold(msgspec.Struct, frozen=True):
    """A budget stands above one of its thresholds. `used` is in nano-dollars, `window` the start of the window in Unix seconds; `org` is
    whose budget it is."""

    limit: Limit
    subject: str
    org: str
    percent: int
    used: int
    window: int


class BudgetsAway(Exception):
    """Nobody can say whether a hard budget has room."""


class Windows(Protocol):
    """How much of each window of the calendar is used, and what processes have been granted of the rest: durable, and shared by all of
    them. Every function raises what the store raises where it is away."""

    async def grant(self, asks: Sequence[Sequence[Want]]) -> Granted:
        """Grants all that an ask wants, or nothing of it. Where much is left, a little more than was asked for is granted."""
        ...

    async def look(self, wants: Sequence[Want]) -> dict[tuple[str, int], Figures]:
        """How windows stand."""
        ...

    async def give_back(self, kept: Mapping[tuple[str, str, int], int]) -> None:
        """Of what was granted here, by organisation, key and start, so much is kept at most: the rest is not needed. Repeating it changes
        nothing."""
        ...

    async def release(self) -> None:
        """Everything that an earlier process of this name was granted and did not use. Its usage must have been posted before."""
        ...

    async def alive(self, seconds: float) -> int:
        """Says that this process lives for so long; the number of those that do, it included."""
        ...

    async def leave(self) -> None:
        """This process ends."""
        ...


class Parts(Protocol):
    """Which part of limits each process may admit: never more than the limit together, also where one has died, for as long as what it
    admitted counts."""

    async def exchange(self, asks: Mapping[str, PartAsk]) -> dict[str, PartStand]:
        """This process's parts from now on, by key, in one step: what it wants, or what is left. Raises what the store raises."""
        ...


class RatesAway(Exception):
    """Whoever counts rates for all processes cannot be asked."""


class Rates(Protocol):
    """Counts requests and tokens per minute and hour, and calls at the same time, for all processes."""

    @property
    def is_open(self) -> bool:
        """Whether nobody asks at present, because there was no answer."""
        ...

    async def take(self, claim: Claim, charges: tuple[Charge, ...]) -> Rated:
        """Takes all that the claim wants of these, or nothing. Raises `RatesAway`."""
        ...

    def settle(self, taken: Any, actual: Actual | None) -> None:
        """What `Rated.taken` came to; None where nothing was sent. Never waits."""
        ...

    async def look(self, charges: tuple[Charge, ...]) -> tuple[Told, ...]:
        """How these stand. Raises `RatesAway`."""
        ...

    async def check(self) -> str | None:
        """Why what is counted may be forgotten while it counts; None where it is not. Raises `RatesAway`."""
        ...

    async def flushed(self) -> None:
        """Everything that was settled has been sent, or given up."""
        ...

    async def aclose(self) -> None: ...


class LimitRules(Protocol):
    async def since(self, reached: int) -> tuple[int, list[tuple[str, LimitRule]]] | None:
        """(generation, every limit that is on, with its organisation); None where that generation is the one `reached`. Raises
        `StorageUnavailable`."""
        ...
