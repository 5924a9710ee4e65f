"""T-DR-3: replicas are raised one by one to this version and its schema, and set back to the version before, while calls go on.

The version before is this repository's commit before its last change of the schema. It takes two minutes and a history, so it is no part
of a usual run; what keeps it true between two of these is in tests/conformance/storage/test_migrations.py.
"""

import asyncio
import contextlib
import itertools
import subprocess
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.faults.rig.calls import CLIENTS, FIRST_NUMBER, Call, Transcript, make
from tests.faults.rig.sizes import IS_LONG
from tests.support.gateway import GatewayProcess
from tests.support.replicas import KEY, Replicas, Stores, held, spent, stores
from tests.support.waiting import eventually

from tidegate.adapters.sql import version
from tidegate.adapters.sql.schema_usage import ledger
from tidegate.records import EVERYONE

Record = Callable[[str, object], None]
ROOT = Path(__file__).parents[2]
RATE = 80.0
REPLICAS = 3
AWAY = 0.1
"""Seconds between two looks of the balancer."""
BUSY = b"The gateway has more to do than it can"
SETTINGS = {"TIDEGATE_AUTO_MIGRATE": "1", "TIDEGATE_PRE_STOP": "4", "TIDEGATE_DRAIN": "5"}
LIMITS = {"limits": {"requests_per_minute": 1_000_000, "tokens_per_minute": 1_000_000_000}, "budget": {"usd": "1000", "per": "total"}}

pytestmark = pytest.mark.skipif(not IS_LONG, reason="two minutes of replicas that come and go: only at nightly size (make faults-long)")


@pytest.fixture
def before(tmp_path: Path) -> Iterator[Path]:
    """A checkout of the commit before the last change of the schema."""
    asked = ("log", "-1", "--format=%H", "-G^HEAD = ", "--", "src/tidegate/adapters/sql/version.py")
    last = git(*asked)
    if not last or not git("rev-parse", "--verify", "--quiet", f"{last}^"):
        pytest.skip("the history of this checkout does not reach back to the last change of the schema")
    place = tmp_path / "before"
    git("worktree", "add", "--detach", str(place), f"{last}^")
    yield place
    git("worktree", "remove", "--force", str(place))


def git(*arguments: str) -> str:
    done = subprocess.run(("git", *arguments), cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


class Balancer:
    """Sends calls at a fixed rate to whoever was ready when it looked last, in turns, until it is told to end."""

    def __init__(self, gateways: list[GatewayProcess]) -> None:
        self.transcripts: list[Transcript] = []
        self._gateways = gateways
        self._ready = list(gateways)
        self._ended = asyncio.Event()

    async def run(self) -> None:
        loop, began = asyncio.get_running_loop(), asyncio.get_running_loop().time()
        numbers, clients = itertools.count(), itertools.cycle(CLIENTS[:2])
        async with asyncio.TaskGroup() as tasks:
            looks = [tasks.create_task(self._look(gateway)) for gateway in self._gateways]
            while not self._ended.is_set():
                number = next(numbers)
                await asyncio.sleep(max(0.0, began + number / RATE - loop.time()))
                call = Call(FIRST_NUMBER + number, next(clients), script={"n": 10, "gap_ms": 20}, stream=number % 2 == 0)
                tasks.create_task(self._call(self._ready[number % len(self._ready)].port, call))
            for look in looks:
                look.cancel()

    async def _call(self, port: int, call: Call) -> None:
        self.transcripts.append(await make(port, KEY, call))

    async def _look(self, gateway: GatewayProcess) -> None:
        while True:
            is_ready = await asyncio.to_thread(gateway.readiness) == 200
            if is_ready != (gateway in self._ready):
                left = [other for other in self._ready if other is not gateway]
                self._ready = [*left, gateway] if is_ready else left or self._ready
            await asyncio.sleep(AWAY)

    @contextlib.asynccontextmanager
    async def sending(self) -> AsyncGenerator[None]:
        work = asyncio.create_task(self.run())
        try:
            yield
        finally:
            self._ended.set()
            await work


async def rolled(replicas: Replicas, source: Path | None) -> None:
    """One after the other, each once the one before takes calls again."""
    for gateway in replicas.gateways:
        assert await asyncio.to_thread(gateway.stop) == 0
        gateway.source = source
        await asyncio.to_thread(gateway.start)
        await asyncio.sleep(1)


async def test_replicas_are_raised_and_set_back_under_load(
    before: Path, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, record_property: Record
) -> None:
    async with stores("postgres+redis", tmp_path_factory.getbasetemp(), tmp_path, empty=True) as opened:
        # The first one makes the schema of its version.
        with Replicas(tmp_path, opened, REPLICAS, LIMITS, environ=SETTINGS, source=before) as replicas:
            await asyncio.to_thread(replicas.warm)
            schemas = [await version.current(opened.database)]
            balancer = Balancer(replicas.gateways)
            async with balancer.sending():
                await asyncio.sleep(3)
                await rolled(replicas, None)
                schemas.append(await version.current(opened.database))
                await rolled(replicas, before)
                schemas.append(await version.current(opened.database))
                await asyncio.sleep(3)
            transcripts = balancer.transcripts

            async def rows() -> int:
                return (await spent(opened.database))[0]

            await eventually(rows, len(replicas.attempts()), within=30)
        statuses = Counter(one.status if one.end == "complete" else one.end for one in transcripts)
        # On a machine that has too much to do they say so, and when to come back.
        busy = sum(BUSY in one.body for one in transcripts)
        broken = [one.body[-300:] for one in transcripts if not is_well(one) and BUSY not in one.body]
        twice = await repeated(opened)
        record_property(
            "verdict",
            f"{REPLICAS} replicas raised and set back at {RATE:.0f} calls a second, schema {schemas[0]} → {schemas[1]}: "
            f"{len(transcripts)} calls, {len(broken)} failed, {busy} told that the machine has too much to do, "
            f"{len(replicas.attempts())} attempts, {await rows()} rows, {twice} twice, "
            f"{await held(opened.database)} nano-dollars held at the end",
        )
        assert not broken, (statuses, broken[:3])
        assert schemas[0] != schemas[1] == schemas[2] == version.HEAD
        assert twice == 0
        assert await held(opened.database) == 0


def is_well(transcript: Transcript) -> bool:
    return transcript.status == 200 and transcript.answer is not None and transcript.answer.error is None


async def repeated(opened: Stores) -> int:
    """Attempts that are in the ledger more than once, under whatever entry."""
    async with opened.database.read(EVERYONE) as connection:
        found = (await connection.execute(select(ledger.c.request_id, ledger.c.attempt))).all()
    return len(found) - len({tuple(row) for row in found})
