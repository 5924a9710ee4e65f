"""T-ST-6: every wait of an attempt has its end, tells the client so in its dialect, and is settled. All run at once, on one gateway."""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.faults.rig.calls import CLIENTS, FIRST_NUMBER, Call, Client, Transcript, make
from tests.faults.rig.stage import Stage, staged

TOTAL, IDLE, FIRST = 1.5, 0.8, 0.5
"""Seconds."""
LEEWAY = 4.0
"""By which an end may be late on a machine that has other things to do; what is late in earnest loses the client's patience."""
ROUTES: dict[str, Any] = {
    "brief": {"targets": ["openai/gpt-4o"], "timeout": TOTAL, "retries": 0},
    "brief-claude": {"targets": ["anthropic/claude-sonnet-4-5"], "timeout": TOTAL, "retries": 0},
    "quick": {"targets": ["second/gpt-4o-mini", "openai/gpt-4o"], "first_token_timeout": FIRST, "circuit_breaker": False},
    "last": {"targets": ["second/gpt-4o-mini"], "first_token_timeout": FIRST, "retries": 0, "circuit_breaker": False},
}
ENDLESS: dict[str, Any] = {"n": 400, "gap_ms": 20}
Record = Callable[[str, object], None]

pytestmark = pytest.mark.programme("T-ST-6")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("timeouts"), {"routes": ROUTES}, timeouts={"idle": IDLE}) as found:
        yield found


async def test_every_wait_has_its_end(stage: Stage, record_property: Record) -> None:
    numbers = itertools.count(FIRST_NUMBER)

    def call(client: Client, model: str, stream: bool = True, **script: Any) -> Call:
        return Call(next(numbers), client, model, script, stream=stream, patience=20.0)

    silent: dict[str, Any] = {"n": 4, "mode": "stall", "stall_ms": 15_000}
    runs: dict[str, list[Call]] = {
        "a running stream, at the route's total": [call(c, m, **ENDLESS) for c in CLIENTS for m in ("brief", "brief-claude")],
        "a whole answer, at the route's total": [call(c, "brief-claude", stream=False, n=2, ttft_ms=15_000) for c in CLIENTS],
        "silence between tokens": [call(c, "openai/gpt-4o", die_at=3, **silent) for c in CLIENTS],
        "silence before any token": [call(c, "openai/gpt-4o", n=1, ttft_ms=15_000) for c in CLIENTS],
        "no first token, with another target": [
            call(c, "quick", n=3, by_target={"gpt-4o-mini": {"n": 3, "ttft_ms": 15_000}}) for c in CLIENTS
        ],
        "no first token, at the last target": [call(c, "last", n=2, ttft_ms=round(1000 * FIRST * 2)) for c in CLIENTS],
    }
    made = await asyncio.gather(*(make(stage.gateway.port, stage.gateway.key, one) for calls in runs.values() for one in calls))
    found = iter(made)
    ended = {name: [next(found) for _ in calls] for name, calls in runs.items()}
    for transcript in ended["a running stream, at the route's total"]:
        broken_off(transcript, TOTAL)
    for transcript in ended["silence between tokens"]:
        broken_off(transcript, IDLE)
    for name, seconds in (("a whole answer, at the route's total", TOTAL), ("silence before any token", IDLE)):
        for transcript in ended[name]:
            assert transcript.status == 504, transcript
            on_time(transcript, seconds)
    for name, seconds in (("no first token, with another target", FIRST), ("no first token, at the last target", FIRST * 2)):
        for transcript in ended[name]:
            assert transcript.status == 200, transcript
            assert transcript.answer is not None
            assert transcript.answer.error is None
            on_time(transcript, seconds)
    assert await asyncio.to_thread(stage.quiet, 5)
    rows = stage.rows(len(made) + len(CLIENTS))
    assert len(rows) == len(made) + len(CLIENTS), "the targets that were too slow have a row of their own"
    assert not stage.judged(made).breaches
    for name, transcripts in ended.items():
        record_property("verdict", f"{name}: after {max(transcript.seconds for transcript in transcripts):.2f} s, settled")


def on_time(transcript: Transcript, seconds: float) -> None:
    assert seconds * 0.9 <= transcript.seconds <= seconds * 1.1 + LEEWAY, (transcript.call, transcript.seconds)


def broken_off(transcript: Transcript, seconds: float) -> None:
    assert (transcript.status, transcript.end) == (200, "complete"), transcript
    assert transcript.answer is not None
    assert transcript.answer.error is not None
    assert transcript.answer.finish is None
    on_time(transcript, seconds)
