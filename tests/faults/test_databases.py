"""T-PG-3 and the rest of T-PG-1: a COMMIT whose answer is lost, or that never came; a database that lets nobody in, that is read-only, or
whose disk is full. That it is gone or silent is in test_stores.py.

No disk of a server is filled here: a trigger says what PostgreSQL says then (error 53100), where rows of usage and of windows are written.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import func, make_url, select
from tests.faults.rig.calls import FIRST_NUMBER, Call, load, make
from tests.faults.rig.proxy import Fault, FaultProxy
from tests.faults.rig.replicas import replicated
from tests.faults.rig.sizes import sizes
from tests.support import databases, servers
from tests.support.replicas import KEY, Replicas, Stores, spent, stores
from tests.support.usage import usage_event
from tests.support.waiting import eventually, soon

from tidegate.adapters.keystore import KeyStore
from tidegate.adapters.spool.drainer import Drainer
from tidegate.adapters.spool.spool import Spool
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.ledger import LedgerStore
from tidegate.adapters.sql.schema_usage import ROLLUPS
from tidegate.records import EVERYONE

Record = Callable[[str, object], None]

pytestmark = pytest.mark.programme("T-PG-1")
LIMITS = {"limits": {"requests_per_minute": 1_000_000, "tokens_per_minute": 1_000_000_000}}
EACH = 7
"""Events of a transaction."""


@pytest.fixture
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder of all workers of the run."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


async def sums(database: Database) -> set[tuple[int, int]]:
    """(requests, nano-dollars) of each rollup."""
    async with database.read(EVERYONE) as connection:
        found = [(await connection.execute(select(func.sum(table.c.requests), func.sum(table.c.cost_nano)))).one() for _, table in ROLLUPS]
    return {(int(requests), int(nano)) for requests, nano in found}


@pytest.mark.programme("T-PG-3")
async def test_a_commit_that_nobody_answered_for_loses_and_doubles_nothing(shared: Path, tmp_path: Path, record_property: Record) -> None:
    """Every second one was committed, every other one never came: whoever asked cannot know."""
    faults = (Fault("unanswered", "up", word=b"COMMIT"), Fault("reset", "up", word=b"COMMIT"))
    async with stores("postgres", shared, tmp_path) as opened:
        url = make_url(opened.environ["TIDEGATE_DATABASE_URL"])
        assert url.port is not None
        with FaultProxy(url.port) as proxy:
            database = databases.opened(url.set(port=proxy.port))
            spool = Spool(tmp_path / "spool", gather=0.002, roomy_bytes=0)
            drainer = Drainer(spool, LedgerStore(database), gather=0.001)
            drainer.start()
            numbers = itertools.count()
            for fault in itertools.islice(itertools.cycle(faults), sizes().commits):
                before, proxy.fault = proxy.hits[fault.kind], fault
                for _ in range(EACH):
                    spool.emit(usage_event(next(numbers)))
                await soon(lambda kind=fault.kind, before=before: proxy.hits[kind] > before)
                proxy.fault = None
                await soon(lambda: spool.state.drained == spool.state.written)
            await drainer.aclose()
            await spool.aclose()
            await database.aclose()
            lost, cut = proxy.hits["unanswered"], proxy.hits["reset"]
        events = next(numbers)
        rows, nano = await spent(opened.database)
        record_property(
            "verdict",
            f"{sizes().commits} transactions that break at their COMMIT: {lost} answers were lost and {cut} never came there; of {events} "
            f"events {rows} rows are in the ledger, each once, and the rollups are their sums",
        )
        assert (rows, nano) == (events, events * 100)
        assert await sums(opened.database) == {(events, events * 100)}
        assert min(lost, cut) >= sizes().commits // 2


async def altered(admin: asyncpg.Connection, name: str, how: str) -> None:
    """For connections that are made from now on, which all are."""
    await admin.execute(f"ALTER DATABASE {name} {how}")
    await dropped(admin, name)


@asynccontextmanager
async def nobody_let_in(admin: asyncpg.Connection, name: str, _inside: asyncpg.Connection) -> AsyncGenerator[None]:
    """What `max_connections` says when they are used up (53300), of this one database."""
    await altered(admin, name, "CONNECTION LIMIT 0")
    yield
    await admin.execute(f"ALTER DATABASE {name} CONNECTION LIMIT -1")


@asynccontextmanager
async def read_only(admin: asyncpg.Connection, name: str, _inside: asyncpg.Connection) -> AsyncGenerator[None]:
    """A replica that was not promoted yet."""
    await altered(admin, name, "SET default_transaction_read_only = on")
    yield
    await altered(admin, name, "RESET default_transaction_read_only")


@asynccontextmanager
async def disk_full(_admin: asyncpg.Connection, _name: str, inside: asyncpg.Connection) -> AsyncGenerator[None]:
    await inside.execute(
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$"
    )
    for table in ("ledger", "limit_window"):
        await inside.execute(f"CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON {table} EXECUTE FUNCTION no_room()")
    yield
    await inside.execute("DROP FUNCTION no_room CASCADE")


async def dropped(admin: asyncpg.Connection, name: str) -> None:
    """The connections that gateways have are made anew."""
    await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND usename = 'tidegate'", name)


TROUBLES = {
    "lets nobody in": (nobody_let_in, {503}),
    "is read-only": (read_only, {401}),
    "has no room on its disk": (disk_full, {401}),
}
"""What it is and what an unknown key is told then: where the database can be asked, it is one."""


async def test_a_database_that_takes_nothing_holds_no_call_up_and_the_ledger_catches_up(
    shared: Path, tmp_path: Path, record_property: Record
) -> None:
    numbers = itertools.count(FIRST_NUMBER)
    async with stores("postgres", shared, tmp_path) as opened:
        name = make_url(opened.environ["TIDEGATE_DATABASE_URL"]).database
        assert name is not None
        with (
            replicated(tmp_path, opened, 1, LIMITS) as replicas,
            servers.shared(shared, "postgres", databases.postgres_with_template) as facts,
        ):
            await asyncio.to_thread(replicas.warm)
            admin, inside = await databases.admin(facts), await databases.admin(facts, name)
            for what, (trouble, answers) in TROUBLES.items():
                async with trouble(admin, name, inside):
                    told = await under(replicas, numbers, tmp_path, what)
                    assert (await inside.fetchval("SELECT count(*) FROM ledger") or 0) < len(replicas.attempts()), (
                        "the trouble never struck"
                    )
                    whole = time.monotonic()
                await eventually(lambda: rows(opened), len(replicas.attempts()), within=30)
                calls = told.pop()
                record_property(
                    "verdict",
                    f"PostgreSQL {what} for {sizes().outage / 2:.0f} s: {calls} calls, 0 failed; an unknown key was told "
                    f"{' and '.join(f'{told.count(status)} times {status}' for status in sorted(set(told)))}; the ledger was whole "
                    f"{time.monotonic() - whole:.1f} s after",
                )
                # The connections that were ended are made anew by who asks first.
                asked = told[next((place for place, status in enumerate(told) if status in answers), 0) :]
                assert set(asked) == answers, what
            await admin.close()
            await inside.close()


async def under(replicas: Replicas, numbers: "itertools.count[int]", folder: Path, what: str) -> list[int]:
    """What an unknown key is told again and again while known ones are served; how many calls these made is at the end."""
    gateway, size = replicas.gateways[0], sizes()
    calls = [Call(next(numbers), script={"n": 3}, stream=False) for _ in range(int(size.outage / 2 * size.rate))]
    unknown = KeyStore(folder / "elsewhere" / what).create("made by another gateway")[1]
    told: list[int] = []
    work = asyncio.ensure_future(load(gateway.port, KEY, calls, size.rate))
    while not work.done():
        status = (await make(gateway.port, unknown, Call(next(numbers), script={"n": 1}, stream=False))).status
        told.append(status or 0)
        await asyncio.sleep(0.1)
    during = await work
    assert {one.status for one in during} == {200}, (what, gateway.log()[-3000:])
    return [*told, len(during)]


async def rows(opened: Stores) -> int:
    return (await spent(opened.database))[0]
