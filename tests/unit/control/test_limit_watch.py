"""What the watcher of limits makes of what the database says; the database itself is in tests/e2e/test_limit_rows.py."""

from collections.abc import Sequence

import pytest

from tidegate.control.limit_watch import LimitWatcher
from tidegate.policy.charges import Rows
from tidegate.ports import StorageUnavailable
from tidegate.records import LimitRule

RULE = LimitRule(id="l1", name="l", scope_kind="key", scope_id="k", measure="requests", per="minute", amount=60)


class Source:
    """Implements `ports.limits.LimitRules`. What it says next."""

    def __init__(self) -> None:
        self.generation = 1
        self.rows = [("acme", RULE)]
        self.away = False

    async def since(self, reached: int) -> tuple[int, list[tuple[str, LimitRule]]] | None:
        if self.away:
            raise StorageUnavailable("away")
        return None if reached == self.generation else (self.generation, self.rows)


class Disk:
    def __init__(self) -> None:
        self.kept: list[Sequence[tuple[str, LimitRule]]] = []
        self.is_full = False

    def keep(self, rows: Sequence[tuple[str, LimitRule]]) -> None:
        if self.is_full:
            raise OSError("no room")
        self.kept.append(rows)


def watcher(source: Source, rows: Rows, disk: Disk) -> LimitWatcher:
    return LimitWatcher(source, rows, keep=disk.keep, interval=3600)


async def test_what_was_read_is_live_and_kept() -> None:
    source, rows, disk = Source(), Rows(), Disk()
    made = watcher(source, rows, disk)
    assert await made.step()
    assert [limit.id for limit in rows.limits] == ["l1"]
    assert disk.kept == [source.rows]
    assert not await made.step()
    assert len(disk.kept) == 1


async def test_a_change_of_something_else_changes_nothing() -> None:
    source, rows, disk = Source(), Rows(), Disk()
    made = watcher(source, rows, disk)
    await made.step()
    before = rows.limits
    source.generation += 1
    assert await made.step()
    assert rows.limits is before
    assert len(disk.kept) == 1
    source.generation, source.rows = source.generation + 1, []
    assert await made.step()
    assert rows.limits == ()
    assert disk.kept[-1] == []


async def test_limits_are_live_also_where_they_cannot_be_kept_and_stay_without_the_database() -> None:
    source, rows, disk = Source(), Rows(), Disk()
    disk.is_full = True
    made = watcher(source, rows, disk)
    assert await made.step()
    source.away = True
    with pytest.raises(StorageUnavailable):
        await made.step()
    assert [limit.id for limit in rows.limits] == ["l1"]
