import json
from pathlib import Path

import pytest
from tests.unit.adapters.spool.making import Roomy, numbered, small

from tidegate.adapters.spool import format as form
from tidegate.adapters.spool import rows
from tidegate.adapters.spool.quarantine import NAME, Quarantine
from tidegate.adapters.spool.reader import Damage
from tidegate.adapters.spool.recovery import End, find_end
from tidegate.adapters.spool.segment import segment_path
from tidegate.adapters.spool.spool import SpoolError


def segment(folder: Path, index: int, first: int, count: int, *, synced: int, size: int = 4096, harm: int | None = None) -> None:
    """A file with `count` records; the record `harm` has a bad byte."""
    data = form.pack_header(first, synced, 0)
    for seq in range(first, first + count):
        record = form.pack_record(seq, form.EVENT, 1, b"%d" % seq)
        data += record[:-1] + b"?" if seq == harm else record
    segment_path(folder, index).write_bytes(data.ljust(size, b"\0"))


def end_of(folder: Path) -> End:
    return find_end(folder, Roomy(), Quarantine(folder, Roomy()))


def aside(folder: Path) -> list[object]:
    lines = (folder / NAME).read_text().splitlines() if (folder / NAME).exists() else []
    return [entry.get("seq", entry["reason"]) for entry in map(json.loads, lines)]


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.seg"))


def test_an_empty_folder(tmp_path: Path) -> None:
    assert end_of(tmp_path) == End(0, 0, True, 0, 0)


def test_what_was_not_begun_goes(tmp_path: Path) -> None:
    segment(tmp_path, 1, 1, 3, synced=0)
    segment_path(tmp_path, 2).write_bytes(bytes(4096))
    assert end_of(tmp_path) == End(3, 2, False, 0, 0)
    assert left(tmp_path) == ["00000001.seg"]
    assert segment_path(tmp_path, 1).stat().st_size == 64 + 3 * (form.RECORD_HEAD + 1)


def test_a_tear_may_span_segments(tmp_path: Path) -> None:
    segment(tmp_path, 1, 1, 5, synced=0)
    segment(tmp_path, 2, 6, 5, synced=3, harm=8)
    segment(tmp_path, 3, 11, 5, synced=6)
    assert end_of(tmp_path)[:3] == (7, 3, False)
    assert left(tmp_path) == ["00000001.seg", "00000002.seg"]
    assert aside(tmp_path) == [9, 10, "torn", 11, 12, 13, 14, 15, "torn"]
    assert end_of(tmp_path)[0] == 7


def test_harm_in_what_was_on_the_disk_is_no_tear(tmp_path: Path) -> None:
    segment(tmp_path, 1, 1, 5, synced=0)
    segment(tmp_path, 2, 6, 5, synced=3, harm=8)
    segment(tmp_path, 3, 11, 5, synced=8)
    assert end_of(tmp_path)[:3] == (15, 3, False)
    assert left(tmp_path) == ["00000001.seg", "00000002.seg", "00000003.seg"]
    assert aside(tmp_path) == []


def test_a_replacement_that_was_not_finished_ends_where_the_failed_one_does(tmp_path: Path) -> None:
    segment(tmp_path, 1, 1, 9, synced=0)
    segment(tmp_path, 2, 4, 2, synced=3)
    assert end_of(tmp_path)[:3] == (9, 2, False)
    segment(tmp_path, 2, 4, 0, synced=3)
    assert end_of(tmp_path)[:3] == (9, 2, False)


def test_a_torn_header_is_a_tear(tmp_path: Path) -> None:
    segment(tmp_path, 1, 1, 3, synced=0)
    segment(tmp_path, 2, 4, 2, synced=3)
    data = bytearray(segment_path(tmp_path, 2).read_bytes())
    data[:64] = bytes(64)
    segment_path(tmp_path, 2).write_bytes(data)
    assert end_of(tmp_path)[:3] == (3, 2, False)
    assert aside(tmp_path) == [4, 5, "torn"]
    assert left(tmp_path) == ["00000001.seg"]


def test_a_damaged_segment_that_is_accepted_counts_with_what_is_legible(tmp_path: Path) -> None:
    segment(tmp_path, 1, 1, 5, synced=0, harm=3)
    segment_path(tmp_path, 1).rename(tmp_path / "00000001.damaged")
    assert end_of(tmp_path)[:2] == (5, 1)
    segment(tmp_path, 2, 9, 2, synced=8)
    assert end_of(tmp_path)[:2] == (10, 2)


def test_a_newer_version_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as tomorrow:
        tomorrow.setattr(form, "FORMAT", form.FORMAT + 1)
        segment(tmp_path, 1, 1, 3, synced=0)
    before = segment_path(tmp_path, 1).read_bytes()
    with pytest.raises(Damage, match="newer version"):
        end_of(tmp_path)
    with pytest.raises(SpoolError, match="newer version"):
        small(tmp_path)
    assert segment_path(tmp_path, 1).read_bytes() == before


async def test_an_orderly_end_needs_no_search(tmp_path: Path) -> None:
    spool = small(tmp_path)
    assert await spool.recover() == []
    spool.begin(numbered(1))
    spool.emit(numbered(1))
    await spool.aclose()
    assert end_of(tmp_path).is_clean


async def test_before_recover_has_run_no_end_is_orderly(tmp_path: Path) -> None:
    spool = small(tmp_path)
    spool.begin(numbered(1, entry="unknown"))
    await spool.aclose()
    spool = small(tmp_path)
    spool.emit(numbered(2))
    await spool.aclose()
    spool = small(tmp_path)
    assert [event.request_id for event in await spool.recover()] == ["req_1"]
    await spool.aclose()


async def test_an_attempt_whose_row_cannot_be_read_stops_nobody(tmp_path: Path) -> None:
    spool = small(tmp_path)
    spool._writer.append(form.BEGIN, rows.VERSION, b"nothing")
    spool._writer.append(form.BEGIN, rows.VERSION, b'{"request_id": "x", "attempt": 1}')
    spool.begin(numbered(1, entry="unknown"))
    await spool.aclose()
    spool = small(tmp_path)
    assert [event.request_id for event in await spool.recover()] == ["req_1"]
    await spool.aclose()
