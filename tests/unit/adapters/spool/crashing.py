"""A process that forks children which use a spool, and kills them in the middle.

`python -m tests.unit.adapters.spool.crashing MODE FOLDER SEED` prints one JSON object. It is a process of its own so that it may fork.
"""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import struct
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from tests.support.waiting import soon
from tests.unit.adapters.spool.making import numbered, small

from tidegate.adapters.spool.drainer import Drainer
from tidegate.adapters.spool.spool import Spool
from tidegate.ports import UsageEvent


class Table:
    """A ledger in SQLite: the unique key, and a transaction for each batch."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute("CREATE TABLE IF NOT EXISTS ledger (request_id, attempt, entry, UNIQUE (request_id, attempt, entry))")
        self._connection.execute("CREATE TABLE IF NOT EXISTS came (count)")

    async def post(self, events: Sequence[UsageEvent]) -> int:
        rows = [(event.request_id, event.attempt, event.entry) for event in events]
        self._connection.execute("BEGIN IMMEDIATE")
        new = self._connection.executemany("INSERT INTO ledger VALUES (?, ?, ?) ON CONFLICT DO NOTHING", rows).rowcount
        self._connection.execute("INSERT INTO came VALUES (?)", (len(rows),))
        self._connection.execute("COMMIT")
        return new

    def entries(self) -> list[tuple[str, str]]:
        return self._connection.execute(
            "SELECT request_id, entry FROM ledger ORDER BY CAST(substr(request_id, 5) AS INTEGER), entry"
        ).fetchall()

    def came(self) -> int:
        return self._connection.execute("SELECT coalesce(sum(count), 0) FROM came").fetchone()[0]


def killed(work: Callable[[int], None], watch: Callable[[int], bytes]) -> bytes:
    """Runs `work` in a child with the end of a pipe, kills it when `watch` returns, and gives what that read, and what else was written."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            work(writing)
        finally:
            os._exit(0)
    os.close(writing)
    parts = [watch(reading)]
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while part := os.read(reading, 1 << 16):
        parts.append(part)
    os.close(reading)
    return b"".join(parts)


async def drain(folder: Path, table: Table) -> None:
    spool = small(folder)
    drainer = Drainer(spool, table, gather=0.001)
    drainer.start()
    await drainer.aclose(60)
    await spool.aclose()


def _work(folder: Path, first: int, pipe: int) -> None:
    spool = small(folder)
    for number in range(first, first + 50_000):
        spool.begin(numbered(number, entry="unknown"))
        os.write(pipe, struct.pack("<cI", b"b", number))
        if number % 7:
            spool.emit(numbered(number))
            os.write(pipe, struct.pack("<cI", b"s", number))


def _read(pipe: int, enough: int, chance: Random) -> bytes:
    told = b""
    while len(told) < enough:
        told += os.read(pipe, 4096)
    time.sleep(chance.random() / 500)
    return told


def emits(folder: Path, chance: Random) -> dict[str, object]:
    """Children that begin and settle attempts as fast as they can, each killed somewhere."""
    begun: list[int] = []
    settled: list[int] = []
    first = 0
    for _round in range(12):
        enough = chance.randrange(1, 20_000)
        told = killed(lambda pipe, first=first: _work(folder, first, pipe), lambda pipe, enough=enough: _read(pipe, enough, chance))
        for kind, number in struct.iter_unpack("<cI", told):
            (begun if kind == b"b" else settled).append(number)
        first = max(begun) + 10
    table = Table(folder.parent / "ledger.db")
    asyncio.run(drain(folder, table))
    rows = table.entries()
    known = {name for name, _entry in rows}
    told_settled = {f"req_{number}" for number in settled}
    return {
        "begun": len(begun),
        "settled": len(settled),
        "lost": sorted(told_settled - {name for name, entry in rows if entry == "settled"})[:5],
        "hidden": sorted({f"req_{number}" for number in begun} - known)[:5],
        "both": len(rows) - len(known),
        "posted_again": table.came() - len(rows),
    }


def full(folder: Path, chance: Random) -> dict[str, object]:
    """On a small disk that somebody else fills: what runs is settled into the reserve, and new work is taken once there is room again."""
    filler = folder.parent / "filler"
    table = Table(Path(":memory:"))

    async def fill() -> dict[str, object]:
        spool = Spool(folder, segment_bytes=256 << 10, reserve_bytes=1 << 20, gather=0.002)
        await soon(lambda: spool.state.reserve)
        spool.emit(numbered(0))
        with filler.open("wb", 0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        await soon(lambda: not spool.accepting)
        slowest = 0.0
        for number in range(1, 2000):
            start = time.perf_counter()
            spool.emit(numbered(number))
            slowest = max(slowest, time.perf_counter() - start)
            if chance.random() < 0.1:
                await asyncio.sleep(0)
        await soon(lambda: spool.state.synced == 2000)
        refused = not spool.accepting
        filler.unlink()
        await soon(lambda: spool.accepting and spool.state.reserve)
        drainer = Drainer(spool, table, gather=0.001)
        drainer.start()
        await drainer.aclose(60)
        state = spool.state
        await spool.aclose()
        return {"refused": refused, "rows": len(table.entries()), "failures": state.failures, "slowest_ms": round(slowest * 1000, 3)}

    return asyncio.run(fill())


if __name__ == "__main__":
    done = {"emits": emits, "full": full}[sys.argv[1]](Path(sys.argv[2]), Random(int(sys.argv[3])))
    print(json.dumps(done))
