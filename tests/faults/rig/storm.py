"""A spool full of events, and drainers that are killed while they post them to a real ledger.

`python -m tests.faults.rig.storm FOLDER EVENTS KILLS` prints one JSON object. It is a process of its own so that it may fork.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

from sqlalchemy import URL, func, select
from tests.support.databases import opened
from tests.support.usage import usage_event

from tidegate.adapters.spool.drainer import BATCH, Drainer
from tidegate.adapters.spool.spool import Spool
from tidegate.adapters.sql.fresh import fill
from tidegate.adapters.sql.ledger import LedgerStore
from tidegate.adapters.sql.schema_usage import ROLLUPS, ledger
from tidegate.ports import UsageEvent
from tidegate.records import EVERYONE

COST = 100
KEYS = 8
PACE = 20
"""Events in a second of the ledger's time: so that there are many quarters of an hour."""


class Told:
    """The ledger; tells a pipe of each batch once it is committed, before the spool can note that it was taken."""

    def __init__(self, store: LedgerStore, pipe: int) -> None:
        self._store = store
        self._pipe = pipe

    async def post(self, events: Sequence[UsageEvent]) -> int:
        new = await self._store.post(events)
        os.write(self._pipe, b".")
        return new


def event(number: int) -> UsageEvent:
    return usage_event(number, at=1_780_315_200.0 + number / PACE, key=f"key{number % KEYS}", cost_nano=COST)


def written(folder: Path, events: int) -> None:
    async def write() -> None:
        spool = Spool(folder, roomy_bytes=0)
        for number in range(events):
            spool.emit(event(number))
            if number % 1000 == 0:
                await spool.flushed(spool.state.written, hurry=True)
        await spool.aclose()

    asyncio.run(write())


async def drained(folder: Path, database: Path, pipe: int, patience: float) -> None:
    opened_database = opened(URL.create("sqlite", database=str(database)))
    store = LedgerStore(opened_database)
    spool = Spool(folder, roomy_bytes=0)
    drainer = Drainer(spool, Told(store, pipe), gather=0.001)
    drainer.start()
    await drainer.aclose(patience)
    await spool.aclose()
    await store.aclose()
    await opened_database.aclose()


def killed(folder: Path, database: Path, batches: int, chance: Random) -> bool:
    """Whether a drainer of a process of its own had posted so many batches when it was killed, somewhere in the next one."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(drained(folder, database, writing, 600))
        finally:
            os._exit(0)
    os.close(writing)
    told = b"".join(os.read(reading, 1) for _ in range(batches))
    time.sleep(chance.random() / 50)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(reading)
    return len(told) == batches and os.WIFSIGNALED(status)


async def sums(database: Path) -> dict[str, object]:
    found = opened(URL.create("sqlite", database=str(database)))
    async with found.read(EVERYONE) as connection:
        rows, nano = (await connection.execute(select(func.count(), func.sum(ledger.c.cost_nano)))).one()
        of_rollups = [
            tuple(
                (await connection.execute(select(func.sum(table.c.requests), func.sum(table.c.cost_nano)).where(table.c.tag == ""))).one()
            )
            for _, table in ROLLUPS
        ]
        groups = (await connection.execute(select(func.count()).select_from(ROLLUPS[0][1]))).scalar_one()
    await found.aclose()
    return {"rows": rows, "nano": nano, "rollups": of_rollups, "groups": groups}


async def prepared(database: Path) -> None:
    found = opened(URL.create("sqlite", database=str(database)))
    await fill(found)
    await found.aclose()


def storm(folder: Path, events: int, kills: int) -> dict[str, object]:
    chance = Random(events)
    spool, database = folder / "spool", folder / "ledger.db"
    asyncio.run(prepared(database))
    written(spool, events)
    most = max(1, events // BATCH // (kills + 1))
    met = sum(killed(spool, database, chance.randint(1, most), chance) for _ in range(kills))
    began = time.monotonic()
    asyncio.run(drained(spool, database, os.open(os.devnull, os.O_WRONLY), 600))
    return {"kills": met, "seconds": time.monotonic() - began, **asyncio.run(sums(database))}


if __name__ == "__main__":
    print(json.dumps(storm(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
