"""Requests and tokens per minute and hour, and calls at the same time, counted in Redis for all processes. Nothing here is the only copy of
anything that lasts: what Redis forgets is at most one minute's or hour's count.

A call asks once, in one step for all its limits, and waits at most `TIMEOUT`. Who asks goes on with a share of its own when Redis is slow
or away, which the breaker notices; no call asks then, and one task looks whether Redis answers again. What calls used is sent behind them,
many at a time.
"""

import asyncio
import contextlib
import hashlib
import re
from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec

from tidegate.adapters.breaker import Breaker
from tidegate.adapters.redis_script import LAYOUT, RENEW, SETTLE, TAKE
from tidegate.adapters.redis_wire import Wire, WireError, arguments_of, counted, encoded
from tidegate.logs import Log
from tidegate.policy.limits.cells import PERIODS
from tidegate.policy.limits.rates import Rated, Told
from tidegate.policy.limits.rules import CONCURRENT, TOKENS, Actual, Charge, Claim, asked
from tidegate.ports import Clock
from tidegate.ports.limits import RatesAway

TIMEOUT = 0.05
"""Seconds that a call waits for Redis."""
LEASE = 30.0
"""Seconds after which a call that runs is forgotten, unless its process says that it still does."""
_BEATS = 3
"""Times that its process says so within them."""
GATHER = 0.02
"""Seconds that settlements wait for a call that takes them along."""
_WAITING = 20_000
"""Settlements that are kept for a Redis that is slow; beyond, the oldest are dropped, and their tokens count as reserved."""
_AT_ONCE = 200
_REMEMBERED = 16_384
_FIELDS = 6
_EPOCH = 3_600_000_000
"""Milliseconds: where a test's own time begins, which must not be 0; a whole number of hours."""

_DIGESTS = {text: hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest() for text in (TAKE, SETTLE, RENEW)}
"""As Redis names scripts."""
_PING = encoded("PING")

_LOG = Log("tidegate.limits")


class Evicting(ValueError):
    """The Redis would forget counts when its memory is full."""


class Taken(msgspec.Struct, frozen=True, gc=False):
    """What an attempt holds in Redis: its limits, the piece of each, and the amounts."""

    id: str
    charges: tuple[Charge, ...]
    places: tuple[int, ...]
    amounts: tuple[int, ...]


class RedisRates:
    """Implements `ports.Rates`. Time is the server's, unless a test wants it to be its own clock's. Raises `ValueError` for an address that
    is none."""

    def __init__(self, url: str, clock: Clock, *, timeout: float = TIMEOUT, lease: float = LEASE, own_time: bool = False) -> None:
        self._wire = Wire(url)
        self._heads: dict[int, _Heads] = {}
        self._clock = clock
        self._timeout = timeout
        self._own_time = own_time
        self._lease = int(lease * 1000)
        self._breaker = Breaker()
        self._running: dict[tuple[str, str], None] = {}
        self._waiting: deque[tuple[Taken, Actual | None]] = deque(maxlen=_WAITING)
        self._sender: asyncio.Task[None] | None = None
        self._prober: asyncio.Task[None] | None = None
        self._beater: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether Redis is left alone."""
        return self._breaker.is_open

    async def check(self) -> str | None:
        """Why this Redis forgets counts when its memory is full; None where it does not. Raises `RatesAway`."""
        (told,) = await self._asked([encoded("INFO", "memory")], patient=True)
        found = re.search(r"^maxmemory_policy:(\S+)", str(told), re.M)
        policy = found[1] if found is not None else "noeviction"
        if policy == "noeviction":
            return None
        return f"its maxmemory-policy is `{policy}`, so it forgets what is counted when its memory is full: set `noeviction`"

    async def take(self, claim: Claim, charges: tuple[Charge, ...]) -> Rated:
        """Raises `RatesAway`."""
        amounts = tuple(asked(claim, charge) for charge in charges)
        id = f"{claim.request_id}:{claim.attempt}"
        fits, told, places = await self._run(id, charges, amounts, self._lease)
        if not fits:
            return Rated(None, told)
        taken = Taken(id, charges, places, amounts)
        for key in _sets(taken):
            self._running[key] = None
        if self._beater is None and self._running:
            self._beater = asyncio.create_task(self._beat())
        return Rated(taken, told)

    async def look(self, charges: tuple[Charge, ...]) -> tuple[Told, ...]:
        """How the limits stand. Raises `RatesAway`."""
        _, told, _ = await self._run("", charges, (0,) * len(charges), 0)
        return told

    def settle(self, taken: Any, actual: Actual | None) -> None:
        """What it used; None where nothing was sent."""
        for key in _sets(taken):
            self._running.pop(key, None)
        self._waiting.append((taken, actual))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send())

    async def _beat(self) -> None:
        """As long as calls run that are counted, whether or not there is a database: their leases begin anew."""
        try:
            while self._running:
                await asyncio.sleep(self._lease / 1000 / _BEATS)
                with contextlib.suppress(RatesAway):
                    await self._renew()
        finally:
            self._beater = None

    async def _renew(self) -> None:
        """Raises `RatesAway`."""
        running = list(self._running)
        for place in range(0, len(running), _AT_ONCE):
            some = running[place : place + _AT_ONCE]
            keys = [key for key, _ in some]
            command = encoded("EVALSHA", _DIGESTS[RENEW], len(keys), *keys, self._lease, *(id for _, id in some))
            await self._asked([command], patient=True)

    async def aclose(self) -> None:
        sender = self._sender
        if sender is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(sender), 1)
            sender.cancel()
        for task in (self._prober, self._beater):
            if task is not None:
                task.cancel()
        await self._wire.aclose()

    async def flushed(self) -> None:
        """Everything that was settled is sent, or dropped."""
        while self._sender is not None:
            await asyncio.shield(self._sender)

    async def _run(
        self, id: str, charges: tuple[Charge, ...], amounts: tuple[int, ...], lease: int
    ) -> tuple[bool, tuple[Told, ...], tuple[int, ...]]:
        # What has ended goes before it: the next call of a client that waits for each answer finds its place free.
        commands = [*map(self._settling, self._some()), self._heads_of(charges).take + arguments_of(self._now(), id, lease, *amounts)]
        answer: list[int] = (await self._asked(commands))[-1]
        rows = [answer[1 + place : 1 + place + _FIELDS] for place in range(0, len(answer) - 1, _FIELDS)]
        told = tuple(Told(left, used, reserved, _seconds(wait), _seconds(reset)) for left, used, reserved, wait, reset, _ in rows)
        return bool(answer[0]), told, tuple(row[-1] for row in rows)

    async def _asked(self, commands: Sequence[bytes], *, patient: bool = False) -> list[Any]:
        """The answers to all commands, which go together."""
        now = self._clock.monotonic()
        if not self._breaker.allows(now):
            raise RatesAway
        try:
            found = await self._told(commands, 1 if patient else self._timeout)
        except (WireError, OSError, TimeoutError) as error:
            if self._breaker.failed(now, timeout=isinstance(error, TimeoutError) and not patient):
                _LOG.error("redis does not answer: each process has its share of the limits", degraded="local", error=type(error).__name__)
                self._prober = asyncio.create_task(self._probe())
            raise RatesAway from error
        if self._breaker.succeeded():
            _LOG.warning("redis answers again: limits are counted for all processes")
        return found

    async def _probe(self) -> None:
        """Until Redis answers again."""
        while self._breaker.is_open:
            await asyncio.sleep(self._breaker.rest(self._clock.monotonic()))
            with contextlib.suppress(RatesAway):
                await self._asked([_PING])

    async def _send(self) -> None:
        """What no call has taken along."""
        try:
            while self._waiting:
                await asyncio.sleep(GATHER)
                some = self._some()
                if some:
                    with contextlib.suppress(RatesAway):
                        await self._asked([self._settling(one) for one in some], patient=True)
        finally:
            self._sender = None

    def _some(self) -> list[tuple[Taken, Actual | None]]:
        return [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]

    def _settling(self, ended: tuple[Taken, Actual | None]) -> bytes:
        taken, actual = ended
        args: list[str | int] = [self._now(), taken.id]
        for charge, place, amount in zip(taken.charges, taken.places, taken.amounts, strict=True):
            args += (place, amount, _came_to(charge, amount, actual))
        return self._heads_of(taken.charges).settle + arguments_of(*args)

    def _heads_of(self, charges: tuple[Charge, ...]) -> "_Heads":
        """What is the same in every command about these limits."""
        found = self._heads.get(id(charges))
        if found is None or found.charges is not charges:
            if len(self._heads) >= _REMEMBERED:
                self._heads.clear()
            found = self._heads[id(charges)] = _heads(charges)
        return found

    async def _told(self, commands: Sequence[bytes], seconds: float) -> list[Any]:
        """A server that does not know the scripts is told them."""
        answers = await self._wire.send(commands, seconds)
        unknown = [place for place, answer in enumerate(answers) if isinstance(answer, WireError) and answer.is_unknown_script]
        if unknown:
            loads = [encoded("SCRIPT", "LOAD", script) for script in (TAKE, SETTLE, RENEW)]
            again = await self._wire.send([*loads, *(commands[place] for place in unknown)], seconds)
            for place, answer in zip(unknown, again[len(loads) :], strict=True):
                answers[place] = answer
        for answer in answers:
            if isinstance(answer, WireError):
                raise answer
        return answers

    def _now(self) -> int:
        return _EPOCH + int(self._clock.monotonic() * 1000) if self._own_time else 0


class _Heads(msgspec.Struct, frozen=True, gc=False):
    """The beginnings of commands about the same limits."""

    charges: tuple[Charge, ...]
    take: bytes
    settle: bytes


def _heads(charges: tuple[Charge, ...]) -> _Heads:
    keys = [key_of(charge) for charge in charges]
    shapes: list[str | int] = []
    for charge in charges:
        shapes += (*_shape(charge), int(charge.enforced))

    def head(script: str, more: int) -> bytes:
        fixed = ("EVALSHA", _DIGESTS[script], len(keys), *keys, *shapes)
        return counted(len(fixed) + more) + arguments_of(*fixed)

    return _Heads(charges, head(TAKE, 3 + len(charges)), head(SETTLE, 2 + 3 * len(charges)))


def key_of(charge: Charge) -> str:
    """All keys of an organisation lie together."""
    return f"{{{charge.org}}}:tidegate:{LAYOUT}:{charge.key}"


def _shape(charge: Charge) -> tuple[str, int, int]:
    limit = charge.limit
    if charge.measure == CONCURRENT:
        return "c", limit.amount, 0
    return "s" if charge.measure == TOKENS else "b", limit.amount, PERIODS[limit.per] // 1000


def _sets(taken: Taken) -> list[tuple[str, str]]:
    return [(key_of(charge), taken.id) for charge in taken.charges if charge.measure == CONCURRENT]


def _came_to(charge: Charge, amount: int, actual: Actual | None) -> int:
    if actual is None:
        return 0
    return actual.tokens if charge.measure == TOKENS else amount


def _seconds(milliseconds: int) -> float | None:
    return None if milliseconds < 0 else milliseconds / 1000
