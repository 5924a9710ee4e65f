import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from tests.unit.adapters.spool.making import Roomy, Rows, ids, numbered

from tidegate.adapters.spool.sinks import FileSink, Tee
from tidegate.ports import PoisonEvents, UsageEvent


def written(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


async def test_each_event_is_a_line_of_json(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "home" / "usage.jsonl")
    assert await sink.post([numbered(1), numbered(2)]) == 2
    assert await sink.post([numbered(3)]) == 1
    assert written(tmp_path / "home" / "usage.jsonl") == [msgspec.to_builtins(numbered(number)) for number in (1, 2, 3)]


async def test_the_copy_holds_what_the_ledger_took(tmp_path: Path) -> None:
    class Refusing(Rows):
        async def post(self, events: Sequence[UsageEvent]) -> int:
            await super().post([event for event in events if event.request_id != "req_1"])
            raise PoisonEvents([(1, "why")], 2)

    path = tmp_path / "usage.jsonl"
    with pytest.raises(PoisonEvents):
        await Tee(Refusing(), FileSink(path)).post([numbered(number) for number in range(3)])
    assert [line["request_id"] for line in written(path)] == ["req_0", "req_2"]


async def test_nothing_is_copied_that_the_ledger_does_not_have(tmp_path: Path) -> None:
    ledger, path = Rows(), tmp_path / "usage.jsonl"
    ledger.trouble = [ConnectionError("away")]
    tee = Tee(ledger, FileSink(path))
    with pytest.raises(ConnectionError):
        await tee.post([numbered(0)])
    assert not path.exists()
    assert await tee.post([numbered(0)]) == 1
    assert len(written(path)) == 1


async def test_a_copy_that_fails_holds_nothing_up(tmp_path: Path) -> None:
    class Full(Roomy):
        def append(self, fd: int, data: bytes) -> None:
            raise OSError(28, "No space left on device")

    ledger = Rows()
    tee = Tee(ledger, FileSink(tmp_path / "usage.jsonl", Full()))
    for number in range(2):
        assert await tee.post([numbered(number)]) == 1
    assert ledger.ids == ids(2)
