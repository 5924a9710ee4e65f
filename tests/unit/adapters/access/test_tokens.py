"""The store of access tokens: kept, renewed in time, and exchanged once for many."""

import asyncio
import threading

import pytest
from tests.support.clock import FixedClock

from tidegate.adapters.access.tokens import Access, StoredTokens
from tidegate.ports import AccessFailure


class Exchange:
    """Gives `t1`, `t2`, ... after `gate` has opened."""

    def __init__(self, lifetime: float = 3600.0) -> None:
        self.calls: list[str | None] = []
        self.lifetime = lifetime
        self.failure: AccessFailure | None = None
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, credential: str | None) -> Access:
        self.gate.wait(5)
        self.calls.append(credential)
        if self.failure is not None:
            raise self.failure
        return Access(f"t{len(self.calls)}", self.lifetime)


@pytest.fixture
def made() -> tuple[StoredTokens, Exchange, FixedClock]:
    exchange, clock = Exchange(), FixedClock()
    return StoredTokens({"google": exchange}, clock), exchange, clock


Made = tuple[StoredTokens, Exchange, FixedClock]


async def test_a_token_is_kept_until_shortly_before_it_expires(made: Made) -> None:
    store, exchange, clock = made
    assert [await store.token("google", "a"), await store.token("google", "a")] == ["t1", "t1"]
    clock.at += 3299
    assert await store.token("google", "a") == "t1"
    clock.at += 2
    assert await store.token("google", "a") == "t2"
    assert exchange.calls == ["a", "a"]


async def test_a_short_lived_token_is_kept_for_half_its_life(made: Made) -> None:
    store, exchange, clock = made
    exchange.lifetime = 100
    await store.token("google", None)
    clock.at += 49
    assert await store.token("google", None) == "t1"
    clock.at += 2
    assert await store.token("google", None) == "t2"


async def test_many_callers_share_one_exchange_and_one_may_leave(made: Made) -> None:
    store, exchange, _ = made
    exchange.gate.clear()
    waiting = [asyncio.create_task(store.token("google", "a")) for _ in range(20)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    exchange.gate.set()
    assert await asyncio.gather(*waiting[1:]) == ["t1"] * 19
    assert exchange.calls == ["a"]


async def test_credentials_do_not_share_tokens(made: Made) -> None:
    store, _, _ = made
    assert {await store.token("google", "a"), await store.token("google", "b"), await store.token("google", None)} == {"t1", "t2", "t3"}


async def test_a_refusal_is_not_asked_for_again_at_once(made: Made) -> None:
    store, exchange, clock = made
    exchange.failure = AccessFailure("no", permanent=True)
    for _ in range(3):
        with pytest.raises(AccessFailure, match="no") as refused:
            await store.token("google", "a")
        assert refused.value.permanent
    assert exchange.calls == ["a"]
    clock.at += 6
    exchange.failure = None
    assert await store.token("google", "a") == "t2"


async def test_the_store_is_bounded(made: Made) -> None:
    store, _, _ = made
    for number in range(1030):
        await store.token("google", str(number))
    assert await store.token("google", "1029") == "t1030"
    assert await store.token("google", "0") == "t1031"
