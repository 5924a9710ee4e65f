"""T-LG-3 and T-LG-7: what may be passed by calls that use more than they had reserved, and by how much; by the provider's own account."""

import asyncio
import itertools
import random
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.faults.rig.calls import FIRST_NUMBER, Call, Transcript, load
from tests.faults.rig.judging.books import capped, sent_costs
from tests.faults.rig.replicas import replicated
from tests.faults.rig.sizes import sizes
from tests.support.replicas import KEY, Replicas, Stores, costs, spent, stores
from tests.support.waiting import eventually

PRICE_IN, PRICE_OUT = 2_500_000_000, 10_000_000_000
"""Nano-dollars per million tokens of gpt-4o."""
LIKELY = 1024
"""Output tokens that a call without `max_tokens` reserves."""
PROMPT = 20
"""Input tokens that the provider counts: less than the gateway reserves for such a body."""
PER_MINUTE = 60_000
CROWD = 50.0
"""Calls per second, each of which takes half of one: twenty-five are in flight when the budget is used up."""
LATER = 0.5
"""Seconds that may pass between a call's admission and its begin at the provider, whose clock this goes by."""
Record = Callable[[str, object], None]

pytestmark = pytest.mark.programme("T-LG-3")


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncGenerator[Stores]:
    async with stores("sqlite", tmp_path, tmp_path) as found:
        yield found


def calls(numbers: Sequence[int], outputs: Callable[[], int]) -> list[Call]:
    return [Call(number, script={"n": outputs(), "input_tokens": PROMPT, "ttft_ms": 500}, stream=False) for number in numbers]


async def over(replicas: Replicas, made: list[Call], rate: float) -> list[Transcript]:
    """An open loop that goes to all gateways in turn."""
    count = len(replicas.gateways)
    parts = (load(gateway.port, KEY, made[place::count], rate / count) for place, gateway in enumerate(replicas.gateways))
    return list(itertools.chain.from_iterable(await asyncio.gather(*parts)))


async def test_an_estimated_budget_is_passed_by_what_calls_in_flight_lack_and_no_more(
    opened: Stores, tmp_path: Path, record_property: Record
) -> None:
    chance, size = random.Random(3), sizes()
    count = int(size.rate * size.load)
    cap = count // 2 * LIKELY * PRICE_OUT // 1_000_000
    limits = {"budget": {"usd": f"{cap / 1_000_000_000:.9f}", "per": "total", "reserve": "estimate"}}
    with replicated(tmp_path, opened, 2, limits) as replicas:
        replicas.warm()
        made = calls(range(FIRST_NUMBER, FIRST_NUMBER + count), lambda: LIKELY + chance.randrange(LIKELY * 3 // 10))
        transcripts = await over(replicas, made, CROWD)
        # Where the machine is busy, some were told to come back: the rest of the budget is used up one by one.
        for call in calls(range(FIRST_NUMBER + count, FIRST_NUMBER + 2 * count), lambda: LIKELY):
            if transcripts[-1].status == 429:
                break
            transcripts += await over(replicas, [call], CROWD)
        attempts = replicas.attempts()

        async def ledger() -> tuple[int, int]:
            return await spent(opened.database)

        each = list(costs(attempts, PRICE_IN, PRICE_OUT))
        await eventually(ledger, (len(attempts), sum(each)))
    # Near its end every call asks the database, and one that cannot be asked at once is not there.
    assert {200, 429} <= {transcript.status for transcript in transcripts} <= {200, 429, 503}
    lacking = sorted(((one["tokens"] - LIKELY) * PRICE_OUT // 1_000_000 for one in attempts), reverse=True)
    flying = most_at_once(transcripts)
    bound = sum(max(0, nano) for nano in lacking[:flying])
    record_property(
        "verdict",
        f"an estimated budget of ${usd(cap)}: answers of up to 30 % more than reserved, {len(attempts)} calls, {flying} at once, "
        f"${usd(sum(each))} spent, ${usd(bound)} over it may be",
    )
    assert not capped(sent_costs(attempts, PRICE_IN, PRICE_OUT), cap, lacking=bound)
    assert bound <= flying * LIKELY * 3 // 10 * PRICE_OUT // 1_000_000
    assert sum(each) >= 0.9 * cap


@pytest.mark.programme("T-LG-7")
async def test_tokens_per_minute_hold_in_any_minute_and_are_used_up(opened: Stores, tmp_path: Path, record_property: Record) -> None:
    """Three times as many as may be, of answers whose length nobody knows: all at once, or for as long as the size says. One gateway that
    counts by itself: of several, one for which Redis is too slow has its share besides, which is another drill's."""
    chance, size = random.Random(7), sizes()
    outputs = [chance.randrange(100, LIKELY + 200) for _ in range(3 * PER_MINUTE // 600)]
    minutes = max(1, int(size.minutes))
    with replicated(tmp_path, opened, 1, {"limits": {"tokens_per_minute": PER_MINUTE}}) as replicas:
        replicas.warm()
        made = calls(range(FIRST_NUMBER, FIRST_NUMBER + minutes * len(outputs)), lambda: chance.choice(outputs))
        transcripts = await over(replicas, made, len(made) / (60 * size.minutes))
        attempts = replicas.attempts()
    assert {transcript.status for transcript in transcripts} == {200, 429}
    most = busiest(attempts, 60.0 - LATER)
    lacking = (PROMPT + max(one["tokens"] for one in attempts)) - LIKELY
    whole = sum(tokens(one) for one in attempts)
    used = whole / (PER_MINUTE * minutes)
    record_property(
        "verdict",
        f"{PER_MINUTE} tokens per minute, asked for three times as many for {size.minutes * 60:.0f} s: {len(attempts)} of "
        f"{len(made)} calls, {most} tokens in the busiest minute, {used:.0%} of what may be",
    )
    assert most <= PER_MINUTE + lacking
    assert used >= 0.9


def tokens(attempt: Mapping[str, Any]) -> int:
    return int(attempt["input_tokens"]) + int(attempt["tokens"])


def busiest(attempts: Sequence[Mapping[str, Any]], seconds: float) -> int:
    """Tokens of the calls that began within any so many seconds, at most."""
    began = sorted((float(one["time"]), tokens(one)) for one in attempts)
    most = window = first = 0
    for at, count in began:
        window += count
        while began[first][0] <= at - seconds:
            window -= began[first][1]
            first += 1
        most = max(most, window)
    return most


def most_at_once(transcripts: Sequence[Transcript]) -> int:
    edges = sorted(edge for one in transcripts for edge in ((one.began, 1), (one.began + one.seconds, -1)))
    return max(itertools.accumulate(step for _, step in edges))


def usd(nano: int) -> str:
    return f"{nano / 1_000_000_000:.6f}"
