import json
import stat
from pathlib import Path

import msgspec
import pytest
from tests.unit.adapters.values import EVENT

from tidegate.adapters import events_file
from tidegate.adapters.events_file import FileEvents
from tidegate.ports import UsageEvent


def numbered(number: int, **changes: object) -> UsageEvent:
    return msgspec.structs.replace(EVENT, request_id=f"req_{number}", **changes)


def written(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_events_are_lines_of_json_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "home" / "usage.jsonl"
    events = FileEvents(path)
    for number in range(100):
        events.emit(numbered(number))
    events.close()
    lines = written(path)
    assert [line["request_id"] for line in lines] == [f"req_{number}" for number in range(100)]
    assert lines[0] == msgspec.to_builtins(numbered(0))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_second_writer_appends(tmp_path: Path) -> None:
    path = tmp_path / "usage.jsonl"
    for number in range(2):
        events = FileEvents(path)
        events.emit(numbered(number))
        events.close()
    assert [line["request_id"] for line in written(path)] == ["req_0", "req_1"]


def test_closing_writes_more_than_one_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_file, "BATCH", 1000)
    path = tmp_path / "usage.jsonl"
    events = FileEvents(path)
    for number in range(200):
        events.emit(numbered(number))
    events.close()
    assert len(written(path)) == 200
    assert events.dropped == 0


def test_an_event_that_cannot_be_encoded_is_counted_and_hurts_no_other(tmp_path: Path) -> None:
    path = tmp_path / "usage.jsonl"
    events = FileEvents(path)
    events.emit(numbered(1))
    events.emit(numbered(2, route="\ud800"))
    events.emit(numbered(3))
    events.close()
    assert [line["request_id"] for line in written(path)] == ["req_1", "req_3"]
    assert events.dropped == 1


def test_the_queue_is_bounded_and_keeps_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_file, "FULL", 10)
    monkeypatch.setattr(events_file, "GATHER", 60.0)
    path = tmp_path / "usage.jsonl"
    events = FileEvents(path)
    for number in range(15):
        events.emit(numbered(number))
    events.close()
    assert [line["request_id"] for line in written(path)] == [f"req_{number}" for number in range(5, 15)]
    assert events.dropped == 5


def test_events_wait_while_the_disk_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_file, "GATHER", 0.001)
    real, refusals = events_file.os.write, iter([True, True])

    def write(descriptor: int, data: bytes) -> int:
        if next(refusals, False):
            raise OSError(28, "No space left on device")
        return real(descriptor, data[:50])

    monkeypatch.setattr(events_file.os, "write", write)
    path = tmp_path / "usage.jsonl"
    events = FileEvents(path)
    for number in range(3):
        events.emit(numbered(number))
    while len(path.read_bytes().splitlines()) < 3:
        events._wake.set()  # only hastens the next try
    events.close()
    assert [line["request_id"] for line in written(path)] == ["req_0", "req_1", "req_2"]
