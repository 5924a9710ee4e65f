import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.support.waiting import soon
from tests.unit.adapters.spool.disks import Failing
from tests.unit.adapters.spool.making import Rows, ids, numbered, small

from tidegate.adapters.spool import drainer as module
from tidegate.adapters.spool import format as form
from tidegate.adapters.spool.drainer import Drainer
from tidegate.adapters.spool.quarantine import NAME
from tidegate.adapters.spool.spool import Spool
from tidegate.ports import PoisonEvents, UsageEvent


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(module, "LONGEST_WAIT", 0.01)


async def drained(spool: Spool, sink: Rows, **options: Any) -> Drainer:
    drainer = Drainer(spool, sink, gather=0.001, **options)
    drainer.start()
    await drainer.aclose(30)
    await spool.aclose()
    return drainer


def aside(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / NAME).read_text().splitlines()]


async def test_while_the_ledger_is_away_everything_stays(tmp_path: Path) -> None:
    spool, sink = small(tmp_path), Rows()
    sink.trouble = [ConnectionError("away") for _time in range(8)]
    for number in range(700):
        spool.emit(numbered(number))
    drainer = Drainer(spool, sink, gather=0.001)
    drainer.start()
    await soon(lambda: drainer.failing is not None)
    assert drainer.failing == "ConnectionError: away"
    await soon(lambda: spool.state.drained == 700 and drainer.failing is None)
    await drainer.aclose()
    await spool.aclose()
    assert sink.ids == ids(700)
    assert drainer.posted == 700


async def test_waiting_grows_with_jitter_up_to_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT", 0.1)
    monkeypatch.setattr(module, "LONGEST_WAIT", 5.0)
    spool, sink = small(tmp_path), Rows()
    sink.trouble = [ConnectionError("away") for _time in range(9)]
    spool.emit(numbered(0))
    waits: list[float] = []
    drainer = Drainer(spool, sink, gather=0.0, jitter=iter([0.0, 1.0] * 10).__next__)

    async def pause(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr(drainer, "_pause", pause)
    drainer.start()
    await soon(lambda: spool.state.drained == 1)
    await drainer.aclose()
    await spool.aclose()
    assert [wait for wait in waits if wait] == pytest.approx([0.05, 0.2, 0.2, 0.8, 0.8, 3.2, 2.5, 5.0, 2.5])


async def test_what_the_ledger_refuses_for_good_is_set_aside(tmp_path: Path) -> None:
    class Choosy(Rows):
        async def post(self, events: Sequence[UsageEvent]) -> int:
            bad = [(index, "no such thing") for index, event in enumerate(events) if event.request_id in ("req_3", "req_99")]
            new = await super().post([event for event in events if event.request_id not in ("req_3", "req_99")])
            if bad:
                raise PoisonEvents(bad, new)
            return new

    spool, sink = small(tmp_path), Choosy()
    for number in range(100):
        spool.emit(numbered(number))
    drainer = await drained(spool, sink)
    assert drainer.posted == 98
    assert sink.ids == [name for name in ids(100) if name not in ("req_3", "req_99")]
    entries = aside(tmp_path)
    assert [(entry["seq"], entry["reason"]) for entry in entries] == [
        (4, "refused by the ledger: no such thing"),
        (100, "refused by the ledger: no such thing"),
    ]
    assert json.loads(entries[0]["payload"]) == msgspec.to_builtins(numbered(3))
    assert spool.state.quarantined == 2


async def test_records_of_other_versions_are_kept_and_hold_nothing_up(tmp_path: Path) -> None:
    spool, sink = small(tmp_path), Rows()
    spool.emit(numbered(0))
    spool._writer.append(form.EVENT, 9, b'{"of": "tomorrow"}')
    spool._writer.append(200, 1, b"\xff\xfe")
    spool._writer.append(form.EVENT, 1, b"no row")
    fields = {**msgspec.to_builtins(numbered(1)), "colour": "blue"}
    spool._writer.append(form.EVENT, 1, msgspec.json.encode(fields))
    spool.emit(numbered(2))
    await drained(spool, sink)
    assert sink.ids == ids(3)
    found = [(entry["seq"], entry.get("payload", entry.get("payload_base64"))) for entry in aside(tmp_path)]
    assert found == [(2, '{"of": "tomorrow"}'), (3, "//4="), (4, "no row"), (5, json.dumps(fields, separators=(",", ":")))]


@pytest.mark.parametrize("call", ["append", "read", "sync", "write", "names", "remove", "open_reading", "open_appending", "size"])
@pytest.mark.parametrize("after", range(4))
async def test_a_call_that_fails_once_doubles_and_loses_nothing(tmp_path: Path, call: str, after: int) -> None:
    files = Failing()
    spool, sink = small(tmp_path, files=files, segment_bytes=16 << 10), Rows()
    for number in range(200):
        spool.emit(numbered(number))
    await spool.flushed(200, hurry=True)
    spool._writer.append(form.EVENT, 9, b"{}")
    files.fail(call, after)
    await drained(spool, sink, batch=50)
    assert list(dict.fromkeys(sink.ids)) == ids(200)
    assert {entry["seq"] for entry in aside(tmp_path)} == {201}


async def test_an_unfinished_post_is_left_for_the_next_start(tmp_path: Path) -> None:
    class Stuck(Rows):
        async def post(self, events: Sequence[UsageEvent]) -> int:
            await asyncio.Event().wait()
            return 0

    spool = small(tmp_path)
    spool.emit(numbered(0))
    drainer = Drainer(spool, Stuck(), gather=0.001)
    drainer.start()
    await drainer.aclose(0.02)
    await spool.aclose()
    sink = Rows()
    await drained(small(tmp_path), sink)
    assert sink.ids == ids(1)


async def test_events_that_come_while_it_runs_are_posted_without_being_asked(tmp_path: Path) -> None:
    spool, sink = small(tmp_path), Rows()
    drainer = Drainer(spool, sink, gather=0.001)
    drainer.start()
    for number in range(5):
        spool.emit(numbered(number))
        await soon(lambda number=number: len(sink.came) == number + 1)
    await drainer.aclose()
    await spool.aclose()
    assert sink.ids == ids(5)
