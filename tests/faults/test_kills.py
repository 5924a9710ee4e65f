"""T-KL-1, T-KL-2, T-DR-1, T-DR-2: a gateway that is killed or ended while it streams loses and doubles nothing."""

import asyncio
import itertools
import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.faults.rig.calls import CLIENTS, FIRST_NUMBER, Call, Transcript, load, make
from tests.faults.rig.sizes import sizes
from tests.faults.rig.stage import Stage, staged
from tests.support.waiting import soon, until

from tidegate.proxy.failure import DRAINING

Record = Callable[[str, object], None]

pytestmark = pytest.mark.programme("T-KL-2")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path) as found:
        yield found


def streams(numbers: Iterator[int], count: int, **script: object) -> list[Call]:
    clients = itertools.cycle(CLIENTS)
    models = itertools.cycle(("openai/gpt-4o", "anthropic/claude-sonnet-4-5", "safe", "openai/gpt-4o"))
    return [Call(next(numbers), next(clients), next(models), dict(script)) for _ in range(count)]


async def test_a_gateway_that_is_killed_again_and_again_loses_no_attempt(stage: Stage, record_property: Record) -> None:
    chance, numbers, size = random.Random(11), itertools.count(FIRST_NUMBER), sizes()
    calls = streams(numbers, int(size.rate * size.load / 2), n=20, gap_ms=10)
    transcripts: list[Transcript] = []
    for _ in range(size.kills):
        running = asyncio.create_task(load(stage.gateway.port, stage.gateway.key, calls[: len(calls) // size.kills], size.rate))
        calls = calls[len(calls) // size.kills :] or streams(numbers, 5, n=20, gap_ms=10)
        await asyncio.sleep(chance.uniform(0.3, 0.9))
        assert await asyncio.to_thread(stage.gateway.stop, signal.SIGKILL) == -signal.SIGKILL
        transcripts += await running
        await asyncio.to_thread(stage.gateway.start)
    transcripts += await load(stage.gateway.port, stage.gateway.key, streams(numbers, 5, n=5), size.rate)
    assert await asyncio.to_thread(stage.quiet)
    truth = stage.truth()
    rows = await asyncio.to_thread(stage.rows, len(truth))
    served = [one for one in transcripts if one.status is not None or one.body]
    verdict = stage.judged(served, killed=True)
    figures = verdict.figures
    record_property("verdict", f"{size.kills} kills: {verdict}")
    assert not verdict.breaches, "\n".join(verdict.breaches[:20])
    assert figures.get("cut", 0) > 0, "no kill met a stream"
    # The provider's attempts and the ledger's are the same, but for those that were begun and never sent.
    assert len(rows) >= len(truth)
    assert len(rows) - len(truth) <= size.kills * size.streams
    # Whoever had the whole answer is in the ledger with all of its tokens, whatever was killed after.
    settled = {row["usage"]["input"] for row in rows if row["entry"] == "settled" and row["usage"]}
    assert {one.call.number for one in served if one.end == "complete" and one.status == 200} <= settled


@pytest.mark.programme("T-DR-1")
async def test_open_streams_end_well_when_the_gateway_is_asked_to_end(tmp_path: Path, record_property: Record) -> None:
    count = sizes().streams
    with staged(tmp_path, environ={"TIDEGATE_PRE_STOP": "2"}) as stage:
        calls = streams(itertools.count(FIRST_NUMBER), count, n=100, gap_ms=25)
        running = asyncio.create_task(load(stage.gateway.port, stage.gateway.key, calls, min(count, 200)))
        await soon(lambda: stage.sandbox.app.stats.open >= count // 2)
        os.kill(stage.gateway.pid, signal.SIGTERM)
        await asyncio.to_thread(until, stage.gateway.readiness, lambda status: status == 503)
        # Who balances load has not seen it yet: calls are still taken.
        late = await make(stage.gateway.port, stage.gateway.key, Call(FIRST_NUMBER + count, script={"n": 1}))
        transcripts = [*await running, late]
        # A signal that comes while it ends anyway changes nothing.
        assert await asyncio.to_thread(stage.gateway.stop) == 0
        rows = stage.rows()
        verdict = stage.judged(transcripts)
        record_property("verdict", f"SIGTERM with {count} open streams: {verdict}")
        assert not verdict.breaches, "\n".join(verdict.breaches[:20])
        assert verdict.figures["answered"] == len(rows) == len(transcripts)


@pytest.mark.programme("T-DR-2")
async def test_streams_that_outlast_the_end_are_told_so_and_settled(tmp_path: Path, record_property: Record) -> None:
    """T-DR-2: the time for open calls is too short. Each client speaks another dialect than its provider, or the same."""
    with staged(tmp_path, environ={"TIDEGATE_DRAIN": "1"}) as stage:
        calls = streams(itertools.count(FIRST_NUMBER), sizes().streams, n=5000, gap_ms=200)
        running = asyncio.create_task(load(stage.gateway.port, stage.gateway.key, calls, 100))
        await soon(lambda: stage.sandbox.app.stats.open == len(calls))
        assert await asyncio.to_thread(stage.gateway.stop) == 0
        transcripts = await running
        assert {one.end for one in transcripts} == {"complete"}
        assert {one.answer.error["message"] for one in transcripts if one.answer is not None and one.answer.error is not None} == {
            DRAINING.message
        }
        assert all(one.answer is not None and not one.answer.flaws for one in transcripts)
        assert await asyncio.to_thread(stage.quiet)
        verdict = stage.judged(transcripts)
        record_property("verdict", f"{len(calls)} streams cut by the end of the gateway: {verdict}")
        assert not verdict.breaches
        assert {(row["entry"], row["estimated"]) for row in stage.rows()} == {("settled", "gateway_draining")}
        assert len(stage.rows()) == len(stage.truth()) == len(calls)


@pytest.mark.programme("T-DR-1")
async def test_an_idle_connection_does_not_hold_the_end_up(stage: Stage) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.gateway.port)
    assert (await make(stage.gateway.port, stage.gateway.key, Call(FIRST_NUMBER, script={"n": 1}))).status == 200
    assert await asyncio.to_thread(stage.gateway.stop) == 0
    assert await reader.read() == b""
    writer.close()
