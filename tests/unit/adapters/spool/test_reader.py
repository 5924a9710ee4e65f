"""T-SP-1: whatever byte of a segment is harmed, what was good before it is read, and nothing is left out silently."""

import asyncio
import json
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.faults.rig.sizes import sizes
from tests.support.waiting import soon
from tests.unit.adapters.spool.making import Roomy, Rows, ids, numbered, small

from tidegate.adapters.spool import format as form
from tidegate.adapters.spool.drainer import Drainer
from tidegate.adapters.spool.quarantine import NAME
from tidegate.adapters.spool.reader import Damage, Reader, SegmentReader
from tidegate.adapters.spool.recovery import attempt_key, open_attempts
from tidegate.adapters.spool.segment import segment_path, segment_paths

COUNT = 100


class Found(NamedTuple):
    ids: list[str]
    damage: Damage | None
    aside: list[str]
    """Of the quarantine: the ids of whole records."""


@pytest.fixture(scope="module")
def whole() -> Iterator[Path]:
    """Segments 1 to 5 with a hundred records; the last one as a killed process leaves it: neither truncated nor closed."""
    folder = Path(tempfile.mkdtemp(prefix="spool-"))

    async def fill() -> None:
        spool = small(folder, segment_bytes=9 << 10, reserve_bytes=0)
        for number in range(COUNT):
            spool.emit(numbered(number))
            await spool.flushed(number + 1, hurry=True)
        for _index, path in segment_paths(folder, Roomy()):
            shutil.copy(path, path.with_suffix(".copy"))
        await spool.aclose()

    asyncio.run(fill())
    for path in folder.glob("*.seg"):
        path.unlink()
    for path in folder.glob("*.copy"):
        path.rename(path.with_suffix(".seg"))
    assert len(segment_paths(folder, Roomy())) >= 5
    yield folder
    shutil.rmtree(folder)


def look(folder: Path) -> Found:
    """What a process finds that starts on the folder."""

    async def found() -> Found:
        spool = small(folder, segment_bytes=9 << 10, reserve_bytes=0)
        reader = spool.reader()
        names: list[str] = []
        damage = None
        try:
            while reader.seq < spool.state.written:
                names += [key[0] for record in reader.read(30, spool.state.written) if (key := attempt_key(record.payload)) is not None]
        except Damage as harm:
            damage = harm
        finally:
            reader.close()
        await spool.aclose()
        aside = [json.loads(line) for line in (folder / NAME).read_text().splitlines()] if (folder / NAME).exists() else []
        return Found(names, damage, [json.loads(line["payload"])["request_id"] for line in aside if "payload" in line])

    return asyncio.run(found())


EXAMPLES = sizes().mutations
pytestmark = pytest.mark.programme("T-SP-1", of=f"{EXAMPLES} mutations of a segment in each of five")
MUTATIONS = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def harmed(whole: Path, into: Path, which: int, place: float, change: int | None) -> tuple[Path, int, int]:
    """A copy with one byte changed, or with a segment cut; (the segment, where, its first record)."""
    shutil.rmtree(into, ignore_errors=True)
    shutil.copytree(whole, into)
    used = [path for _index, path in segment_paths(into, Roomy()) if any(path.read_bytes())]
    path = used[which]
    data = bytearray(path.read_bytes())
    at = int(place * (len(data) - 1))
    if change is None:
        del data[at:]
    else:
        data[at] ^= change
    path.write_bytes(data)
    header = form.read_header((whole / path.name).read_bytes())
    assert header is not None
    return path, at, header.first


@MUTATIONS
@given(place=st.floats(0, 1), change=st.integers(1, 255) | st.none())
def test_harm_in_the_last_segment_cuts_it_there(whole: Path, tmp_path: Path, place: float, change: int | None) -> None:
    into = tmp_path / "copy"
    path, at, first = harmed(whole, into, -1, place, change)
    good = intact_before(whole / path.name, at)
    found = look(into)
    assert found.damage is None
    assert found.ids[: first - 1 + good] == ids(first - 1 + good)
    if change is None:
        assert len(found.ids) == first - 1 + good
    # All but the one harmed record are still there: read, or set aside with an alarm.
    elif at < end_of(whole / path.name):
        assert found.ids + found.aside == [name for name in ids(COUNT) if name != f"req_{first - 1 + good}"] or at < form.HEADER_SIZE
        assert set(found.ids + found.aside) >= set(ids(COUNT)) - {f"req_{first - 1 + good}"}
    else:
        assert found.ids == ids(COUNT)


@pytest.mark.parametrize("which", [0, 1, 2, -2])
@MUTATIONS
@given(place=st.floats(0, 1), change=st.integers(1, 255) | st.none())
def test_harm_in_another_segment_stops_there_and_says_so(whole: Path, tmp_path: Path, which: int, place: float, change: int | None) -> None:
    into = tmp_path / "copy"
    path, at, first = harmed(whole, into, which, place, change)
    good = intact_before(whole / path.name, at)
    found = look(into)
    if at >= end_of(whole / path.name):
        assert (found.ids, found.damage) == (ids(COUNT), None)
    else:
        assert found.ids == ids(first - 1 + good)
        assert found.damage is not None
    # What comes later is taken all the same, and is there once the operator has accepted the harm.
    path.rename(path.with_suffix(".damaged"))
    later = look(into)
    assert later.damage is None
    assert set(later.ids) >= set(ids(COUNT)) - (set(ids(COUNT, first - 1 + good)) if change is None else {f"req_{first - 1 + good}"})
    assert later.ids == sorted(set(later.ids), key=lambda name: int(name[4:]))


def intact_before(path: Path, at: int) -> int:
    """Records of the unharmed segment that end before the byte `at`."""
    if at < form.HEADER_SIZE:
        return 0
    count = 0
    reader = SegmentReader(Roomy(), path)
    while reader.records(1) and reader.position <= at:
        count += 1
    reader.close()
    return count


def end_of(path: Path) -> int:
    reader = SegmentReader(Roomy(), path)
    while reader.records(COUNT):
        pass
    reader.close()
    return reader.position


@pytest.mark.parametrize("accepted", [False, True])
def test_a_segment_that_is_gone_is_noticed(whole: Path, tmp_path: Path, accepted: bool) -> None:
    for index in (1, 3):
        into = tmp_path / str(index)
        shutil.copytree(whole, into)
        path = segment_path(into, index)
        path.unlink()
        if accepted:
            path.with_suffix(".damaged").touch()
        found = look(into)
        assert (found.damage is None) is accepted
        assert (len(found.ids) > 60) is accepted


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.lists(st.binary(max_size=300) | st.builds(bytes, st.integers(0, 200)), max_size=4), first=st.integers(0, 3))
def test_any_bytes_in_the_folder_are_read_without_harm(tmp_path: Path, files: list[bytes], first: int) -> None:
    into = tmp_path / "any"
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir()
    record = form.pack_record(first, form.EVENT, 1, b"{}")
    for index, data in enumerate(files):
        segment_path(into, index).write_bytes((form.pack_header(first, 0, 0) + record if index % 2 else b"") + data)
    reader = Reader(into, Roomy(), 0, sure=False)
    try:
        assert all(found.seq > 0 for found in reader.read(10, 100))
    except Damage as damage:
        assert str(damage)
    finally:
        reader.close()
    try:
        assert [payload for payload in open_attempts(into, Roomy(), 0, 3) if payload] == []
    except Damage as damage:
        assert str(damage)


def test_a_segment_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    header = bytearray(form.pack_header(1, 0, 0))
    segment_path(tmp_path, 1).write_bytes(newer(header))
    reader = Reader(tmp_path, Roomy(), 0)
    with pytest.raises(Damage, match="newer version"):
        reader.read(1, 1)
    reader.close()


def newer(header: bytearray) -> bytes:
    header[8] = form.FORMAT + 1
    return bytes(header[:60]) + zlib.crc32(header[:60]).to_bytes(4, "little")


async def test_the_drainer_goes_on_by_itself_once_the_harm_is_accepted(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.adapters.spool.drainer.LONGEST_WAIT", 0.01)
    into = tmp_path / "copy"
    path, _at, first = harmed(whole, into, 2, 0.5, 0xFF)
    spool, sink = small(into), Rows()
    drainer = Drainer(spool, sink, gather=0.001)
    drainer.start()
    await soon(lambda: spool.state.damage is not None)
    assert path.name in (spool.state.reason or "")
    assert spool.accepting
    spool.emit(numbered(COUNT))
    path.rename(path.with_suffix(".damaged"))
    await soon(lambda: spool.state.drained == COUNT + 1 and spool.state.damage is None)
    await drainer.aclose()
    await spool.aclose()
    assert len(sink.ids) == len(set(sink.ids)) == COUNT
    assert sink.ids[: first - 1] == ids(first - 1)
