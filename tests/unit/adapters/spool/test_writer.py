import asyncio
import errno
import threading
from pathlib import Path
from random import Random

import pytest
from tests.support.waiting import soon
from tests.unit.adapters.spool.disks import Failing, Forgetful
from tests.unit.adapters.spool.making import Roomy, Rows, ids, numbered, small

from tidegate.adapters.spool import writer
from tidegate.adapters.spool.drainer import Drainer
from tidegate.adapters.spool.spool import NotDurable, Spool

CALLS = (
    "open",
    "open_reading",
    "allocate",
    "write",
    "read",
    "size",
    "sync",
    "sync_folder",
    "truncate",
    "rename",
    "remove",
    "names",
    "room",
)

pytestmark = pytest.mark.programme("T-SP-3", of=f"{len(CALLS)} kinds of call to the disk fail, at the first place or a later one")


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "RETRY", 0.005)
    monkeypatch.setattr(writer, "IDLE", 0.02)


def written(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("*.seg"))


async def durable(spool: Spool) -> None:
    """Until everything is on the disk; trouble that passes is waited for."""
    async with asyncio.timeout(20):
        while True:
            try:
                await spool.synced()
            except NotDurable:
                await asyncio.sleep(0.002)
            else:
                return


async def all_of(folder: Path) -> list[str]:
    spool, sink = small(folder), Rows()
    drainer = Drainer(spool, sink, gather=0.001)
    drainer.start()
    await drainer.aclose(30)
    await spool.aclose()
    return sink.ids


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("after", [0, 1, 2, 3, 5, 8, 13])
async def test_a_call_that_fails_once_loses_nothing(tmp_path: Path, call: str, after: int) -> None:
    files = Failing()
    spool = small(tmp_path, files=files, durability="power_loss")
    files.fail(call, after)
    for number in range(400):
        spool.emit(numbered(number))
        if number % 40 == 0:
            await durable(spool)
    await durable(spool)
    await soon(lambda: spool.accepting)
    await spool.aclose()
    assert await all_of(tmp_path) == ids(400)


@pytest.mark.parametrize("call", [name for name in CALLS if name != "room"])
async def test_a_start_that_fails_can_be_repeated(tmp_path: Path, call: str) -> None:
    spool = small(tmp_path)
    for number in range(300):
        spool.emit(numbered(number))
    await spool.aclose()
    for after in range(6):
        files = Failing()
        files.fail(call, after)
        try:
            spool = small(tmp_path, files=files)
        except OSError:
            continue
        await spool.aclose()
    assert await all_of(tmp_path) == ids(300)


@pytest.mark.parametrize("call", ["write", "sync"])
async def test_while_the_disk_takes_nothing_work_is_refused_and_what_runs_is_kept(tmp_path: Path, call: str) -> None:
    files = Failing()
    spool = small(tmp_path, files=files, durability="power_loss")
    spool.emit(numbered(0))
    await spool.synced()
    files.fail(call, times=-1)
    for number in range(1, 300):
        spool.emit(numbered(number))
    with pytest.raises(NotDurable):
        while True:
            await spool.synced()
    await soon(lambda: not spool.accepting)
    with pytest.raises(NotDurable):
        await spool.synced()
    assert spool.state.synced == 1
    files.heal()
    await soon(lambda: spool.accepting)
    spool.emit(numbered(300))
    await spool.synced()
    await spool.aclose()
    assert await all_of(tmp_path) == ids(301)


async def test_a_failed_sync_is_never_repeated_on_its_file(tmp_path: Path) -> None:
    files = Failing()
    spool = small(tmp_path, files=files, durability="power_loss")
    for number in range(100):
        files.fail("sync")
        spool.emit(numbered(number))
        await durable(spool)
    assert spool.state.failures >= 100
    await spool.aclose()
    assert await all_of(tmp_path) == ids(100)


async def test_a_full_disk_leaves_the_reserve_to_what_runs(tmp_path: Path) -> None:
    files = Failing()
    files.error = errno.ENOSPC
    spool = small(tmp_path, files=files, segment_bytes=8 << 10, reserve_bytes=256 << 10)
    await soon(lambda: spool.state.reserve)
    files.fail("allocate", times=-1)
    for number in range(400):
        spool.emit(numbered(number))
    assert not spool.accepting
    assert not spool.state.reserve
    await soon(lambda: spool.state.synced == 400)
    files.heal()
    await soon(lambda: spool.accepting and spool.state.reserve)
    await spool.aclose()
    assert await all_of(tmp_path) == ids(400)


async def test_a_reserve_is_kept_for_the_next_process(tmp_path: Path) -> None:
    spool = small(tmp_path)
    await soon(lambda: spool.state.reserve)
    await spool.aclose()
    files = Failing()
    spool = small(tmp_path, files=files, segment_bytes=8 << 10)
    files.fail("allocate", times=-1)
    for number in range(60):
        spool.emit(numbered(number))
    await soon(lambda: spool.state.synced == 60)
    files.heal()
    await spool.aclose()
    assert await all_of(tmp_path) == ids(60)


async def test_a_start_on_a_full_disk_serves_refusals_and_recovers(tmp_path: Path) -> None:
    files = Failing()
    files.fail("allocate", after=1, times=-1)
    spool = small(tmp_path, files=files)
    assert not spool.accepting
    assert spool.state.reason is not None
    spool.emit(numbered(0))
    files.heal()
    await soon(lambda: spool.accepting)
    await spool.aclose()
    assert await all_of(tmp_path) == ids(1)


async def test_the_watermark_refuses_work_and_takes_it_again(tmp_path: Path) -> None:
    class Filling(Roomy):
        used = 0

        def room(self, folder: Path) -> tuple[int, int]:
            return self.used, 100 - self.used

    files = Filling()
    spool = small(tmp_path, files=files, roomy_bytes=1000)
    assert spool.accepting
    assert not spool.shedding
    files.used = 92
    await soon(lambda: spool.shedding)
    assert spool.accepting
    spool.emit(numbered(0, request_body="long", response_body="long"))
    files.used = 96
    await soon(lambda: not spool.accepting)
    spool.emit(numbered(1))
    files.used = 50
    await soon(lambda: spool.accepting)
    spool.emit(numbered(2, request_body="short"))
    await spool.aclose()
    assert b"long" not in written(tmp_path)
    assert b"short" in written(tmp_path)
    assert await all_of(tmp_path) == ids(3)


async def test_the_write_comes_before_emit_returns_and_the_sync_before_synced_does(tmp_path: Path) -> None:
    """T-SP-5 at the spool: the order of calls as the file saw them."""
    told: list[str] = []

    class Recording(Roomy):
        def write(self, fd: int, data: bytes, offset: int) -> None:
            super().write(fd, data, offset)
            if threading.current_thread() is threading.main_thread():
                told.append("written")

        def sync(self, fd: int) -> None:
            before = len(told)
            super().sync(fd)
            told.append(f"synced {before}")

    spool = small(tmp_path, files=Recording(), durability="power_loss", segment_bytes=1 << 20)
    for number in range(1000):
        del told[:]
        spool.emit(numbered(number))
        assert told[0] == "written" or told[1] == "written"
        at = told.index("written")
        await spool.synced()
        assert any(entry.startswith("synced") and int(entry.split()[1]) > at for entry in told)
    await spool.aclose()


@pytest.mark.parametrize("seed", range(25))
async def test_power_loss_takes_nothing_that_was_acknowledged(tmp_path: Path, seed: int) -> None:
    chance = Random(seed)
    acknowledged: list[str] = []
    first = 0
    for _life in range(4):
        files = Forgetful()
        spool = small(tmp_path, files=files, durability="power_loss", segment_bytes=16 << 10)
        for number in range(first, first + chance.randrange(20, 200)):
            if chance.random() < 0.03:
                files.fail("sync", after=chance.randrange(3))
            spool.emit(numbered(number))
            if chance.random() < 0.1:
                await durable(spool)
                acknowledged += ids(number + 1 - first, first)
                first = number + 1
        first += 200
        files.lose_power(chance)
        await spool.aclose()
    came = await all_of(tmp_path)
    assert came == sorted(set(came), key=lambda name: int(name[4:]))
    assert set(came) >= set(acknowledged)
