"""T-ST-8: many clients leave at once where answers are read on. No more are than there is room for, those are exact in the ledger, and the
rest is estimated."""

import asyncio
import itertools
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.faults.rig.calls import CLIENTS, FIRST_NUMBER, Call, make
from tests.faults.rig.sizes import sizes
from tests.faults.rig.stage import Stage, staged

from tidegate.proxy.drains import MOST

SECONDS = 3.0
"""That an answer takes, in tokens of 30 ms."""
TOKENS = round(SECONDS / 0.03)
ROUTES = {"cut": {"targets": ["openai/gpt-4o"], "on_disconnect": "cancel"}}
Record = Callable[[str, object], None]

pytestmark = pytest.mark.programme("T-ST-8")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("drains"), {"routes": ROUTES}, on_disconnect="drain") as found:
        yield found


async def test_so_many_answers_are_read_on_and_exact(stage: Stage, record_property: Record) -> None:
    numbers, clients = itertools.count(FIRST_NUMBER), itertools.cycle(CLIENTS)
    script, many = {"n": TOKENS, "gap_ms": 30}, sizes().leavers
    calls = [Call(next(numbers), next(clients), script=script, leave_after=400) for _ in range(many)]
    # What estimates is loaded when it is first needed, and is no part of what a call needs.
    first = Call(next(numbers), model="cut", script=script, leave_after=400)
    await make(stage.gateway.port, stage.gateway.key, first)
    await asyncio.to_thread(stage.rows, 1, 20.0)
    before = memory(stage)
    transcripts = await asyncio.gather(*(make(stage.gateway.port, stage.gateway.key, call) for call in calls))
    left = time.monotonic()
    assert {transcript.end for transcript in transcripts} == {"left"}
    assert await asyncio.to_thread(stage.quiet, 30)
    seconds = time.monotonic() - left
    truth = {attempt["input_tokens"]: attempt for attempt in stage.truth() if attempt["input_tokens"] != first.number}
    rows = stage.rows(len(calls) + 1)[1:]
    assert len(rows) == len(truth) == len(calls)
    assert {row["status"] for row in rows} == {499}
    ends = Counter(attempt["end"] for attempt in truth.values())
    # On a busy machine some leave when the first of those have ended.
    read_on = ends["complete"]
    assert MOST <= read_on < len(calls)
    exact = [row["usage"]["output"] for row in rows if row["estimated"] is None]
    assert Counter(exact) == Counter(attempt["tokens"] for attempt in truth.values() if attempt["end"] == "complete")
    assert not stage.judged(transcripts).breaches
    assert Counter(row["estimated"] for row in rows) == {None: read_on, "client_disconnect": len(calls) - read_on}
    grown = (memory(stage) - before) / (1 << 20)
    assert grown < 64
    record_property(
        "verdict",
        f"{len(calls)} clients leave where answers are read on: {read_on} were, to the token, in {seconds:.1f} s; "
        f"{len(calls) - read_on} estimated; {grown:.0f} MiB more memory",
    )


def memory(stage: Stage) -> int:
    """Bytes that the gateway has."""
    return int(Path(f"/proc/{stage.gateway.pid}/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
