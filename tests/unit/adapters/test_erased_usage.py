import os
from pathlib import Path

import msgspec
import pytest
from tests.support.usage import NOON, usage_event
from tests.unit.adapters.spool.making import Rows

from tidegate.adapters.erased_usage import ErasedSink
from tidegate.adapters.spool.sinks import FileSink, Tee
from tidegate.policy.erased import END_USER, USER, Erased, Stand, mark_of

SECRET = b"s" * 32
ERASED = Erased(
    SECRET,
    {
        mark_of(SECRET, "default", USER, "user_1"): Stand("erased_u", None),
        mark_of(SECRET, "default", END_USER, "alice"): Stand("erased_e", int((NOON + 5) * 1_000_000)),
    },
)


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_events_that_come_later_are_told_under_the_pseudonym(tmp_path: Path) -> None:
    rows = Rows()
    sink = ErasedSink(rows, tmp_path / "usage.jsonl")
    plain = usage_event(1, user="user_2", end_user="bob")
    assert await sink.post([plain]) == 1
    sink.know(ERASED)
    theirs = usage_event(2, user="user_1", end_user="alice", request_body="Hi", response_body="Ho")
    assert await sink.post([plain, theirs, usage_event(9, end_user="alice")]) == 2
    assert rows.came[1] is plain
    told = rows.came[2]
    assert (told.user, told.key, told.key_name, told.end_user) == ("erased_u", "erased_u", "", "erased_e")
    assert (told.request_body, told.response_body) == (None, None)
    assert (told.cost_nano, told.usage, told.at) == (theirs.cost_nano, theirs.usage, theirs.at)
    assert rows.came[3].end_user == "alice"  # somebody new, who came under the same name after the erasure


async def test_the_file_is_written_anew_without_them(tmp_path: Path) -> None:
    file = tmp_path / "usage.jsonl"
    sink = ErasedSink(Tee(Rows(), FileSink(file)), file)
    await sink.post([usage_event(1, user="user_1", response_body="said to user_1"), usage_event(2, user="user_2")])
    with file.open("ab") as lines:
        lines.write(b'not JSON user_1\n{"at": "x"}\n')
    untouched = file.read_bytes().splitlines()[1:]
    assert await sink.forget(ERASED) == 1
    first, *rest = file.read_bytes().splitlines()
    assert rest == untouched
    told = msgspec.json.decode(first)
    assert (told["user"], told["response_body"], told["cost_nano"]) == ("erased_u", None, 100)
    assert file.stat().st_mode & 0o777 == 0o600
    assert await sink.forget(ERASED) == 0
    assert names(tmp_path) == ["usage.jsonl"]


async def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "usage.jsonl"
    sink = ErasedSink(Tee(Rows(), FileSink(file)), file)
    await sink.post([usage_event(1, user="user_1")])
    before = file.read_bytes()

    def full(_fd: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        await sink.forget(ERASED)
    assert file.read_bytes() == before
    assert names(tmp_path) == ["usage.jsonl"]


async def test_where_there_is_no_file_there_is_nothing_to_do(tmp_path: Path) -> None:
    sink = ErasedSink(Rows(), tmp_path / "usage.jsonl")
    assert await sink.forget(ERASED) == 0
    assert names(tmp_path) == []
