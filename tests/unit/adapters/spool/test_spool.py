import asyncio
import stat
from pathlib import Path

import msgspec
import pytest
from tests.unit.adapters.spool.making import Roomy, Rows, ids, numbered, small

from tidegate.adapters.spool.drainer import Drainer
from tidegate.adapters.spool.segment import segment_paths
from tidegate.adapters.spool.spool import Spool, SpoolError


async def drained(spool: Spool, sink: Rows) -> None:
    drainer = Drainer(spool, sink, gather=0.001)
    drainer.start()
    await drainer.aclose(30)
    await spool.aclose()


async def test_events_come_out_once_in_their_order_over_many_segments(tmp_path: Path) -> None:
    spool, sink = small(tmp_path), Rows()
    for number in range(3000):
        spool.emit(numbered(number))
    await drained(spool, sink)
    assert sink.ids == ids(3000)
    assert msgspec.structs.asdict(sink.came[7]) == msgspec.structs.asdict(numbered(7))
    assert max(sink.batches) == 500
    assert len(segment_paths(tmp_path, Roomy())) == 1


async def test_the_next_process_goes_on_where_the_last_one_was(tmp_path: Path) -> None:
    spool = small(tmp_path)
    for number in range(500):
        spool.emit(numbered(number))
    await spool.aclose()
    spool, sink = small(tmp_path), Rows()
    for number in range(500, 600):
        spool.emit(numbered(number))
    await drained(spool, sink)
    assert sink.ids == ids(600)


async def test_no_segment_goes_before_the_ledger_has_all_of_it(tmp_path: Path) -> None:
    spool = small(tmp_path)
    while len(segment_paths(tmp_path, Roomy())) < 4:
        spool.emit(numbered(0, request_body="x" * 3000))
        await spool.flushed(spool.state.written)
    await spool.recover()
    for drained in range(1, spool.state.written):
        spool.offset.advance(drained)
        await spool.forget()
        reader = spool.reader()
        assert [record.seq for record in reader.read(1, spool.state.synced)] == [drained + 1]
        reader.close()
    assert len(segment_paths(tmp_path, Roomy())) <= 2
    await spool.aclose()


async def test_attempts_that_were_never_settled_are_found_once(tmp_path: Path) -> None:
    spool = small(tmp_path)
    for number in range(5):
        spool.begin(numbered(number, entry="unknown"))
    spool.begin(numbered(3, entry="unknown", cost_nano=99))
    spool.emit(numbered(1))
    spool.emit(numbered(2, entry="void"))
    assert spool.state.open_attempts == 3
    await spool.aclose()
    spool, sink = small(tmp_path), Rows()
    spool.begin(numbered(50, entry="unknown"))
    found = await spool.recover()
    assert sorted((event.request_id, event.cost_nano) for event in found) == [("req_0", 7), ("req_3", 99), ("req_4", 7)]
    assert await spool.recover() == []
    spool.emit(numbered(50))
    await drained(spool, sink)
    assert sorted((event.request_id, event.entry) for event in sink.came) == [
        ("req_0", "unknown"),
        ("req_1", "settled"),
        ("req_2", "void"),
        ("req_3", "unknown"),
        ("req_4", "unknown"),
        ("req_50", "settled"),
    ]
    spool = small(tmp_path)
    assert await spool.recover() == []
    await spool.aclose()


async def test_a_long_attempt_outlives_the_segment_that_it_was_begun_in(tmp_path: Path) -> None:
    spool, sink = small(tmp_path), Rows()
    spool.begin(numbered(0, entry="unknown"))
    for number in range(1, 2000):
        spool.emit(numbered(number))
    drainer = Drainer(spool, sink, gather=0.001)
    drainer.start()
    await drainer.aclose(30)
    first = segment_paths(tmp_path, Roomy())[0][0]
    assert first > 1
    await spool.aclose()
    spool = small(tmp_path)
    assert [event.request_id for event in await spool.recover()] == ["req_0"]
    await spool.aclose()


async def test_one_process_for_one_folder(tmp_path: Path) -> None:
    spool = small(tmp_path / "spool")
    with pytest.raises(SpoolError, match="in use"):
        small(tmp_path / "spool")
    spool.emit(numbered(1))
    await spool.aclose()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "spool").iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o700


async def test_under_process_nobody_waits_for_the_disk(tmp_path: Path) -> None:
    spool = small(tmp_path, gather=60.0)
    spool.emit(numbered(1))
    await spool.synced()
    assert spool.state.synced == 0
    await spool.aclose()


async def test_under_power_loss_many_wait_for_one_sync(tmp_path: Path) -> None:
    class Counting(Roomy):
        syncs = 0

        def sync(self, fd: int) -> None:
            super().sync(fd)
            self.syncs += 1

    files = Counting()
    spool = small(tmp_path, files=files, gather=60.0, durability="power_loss")

    async def call(number: int) -> None:
        spool.emit(numbered(number))
        await spool.synced()
        assert spool.state.synced >= number

    before = files.syncs
    await asyncio.gather(*(call(number) for number in range(1, 301)))
    assert spool.state.synced == 300
    assert files.syncs - before < 30
    await spool.aclose()
