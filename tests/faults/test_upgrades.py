"""T-DR-3: replicas are raised one by one to this version and its schema, and set back to the version before, while calls go on.

The version before is this repository's commit before its last change of the schema. It takes two minutes and a history, so it is no part
of a usual run; what keeps it true between two of these is in tests/conformance/storage/test_migrations.py.
"""

import asyncio
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.faults.rig.balancer import Balancer, is_busy, is_well
from tests.faults.rig.replicas import replicated
from tests.faults.rig.sizes import nightly
from tests.support.replicas import Replicas, Stores, held, spent, stores
from tests.support.waiting import eventually

from tidegate.adapters.sql import version
from tidegate.adapters.sql.schema_usage import ledger
from tidegate.records import EVERYONE

Record = Callable[[str, object], None]
ROOT = Path(__file__).parents[2]
RATE = 80.0
REPLICAS = 3
SETTINGS = {"TIDEGATE_AUTO_MIGRATE": "1", "TIDEGATE_PRE_STOP": "4", "TIDEGATE_DRAIN": "5"}
LIMITS = {"limits": {"requests_per_minute": 1_000_000, "tokens_per_minute": 1_000_000_000}, "budget": {"usd": "1000", "per": "total"}}

pytestmark = [nightly("two minutes of replicas that come and go"), pytest.mark.programme("T-DR-3")]


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
        with replicated(tmp_path, opened, REPLICAS, LIMITS, environ=SETTINGS, source=before) as replicas:
            await asyncio.to_thread(replicas.warm)
            schemas = [await version.current(opened.database)]
            balancer = Balancer(replicas.gateways, RATE)
            async with balancer.sending():
                await asyncio.sleep(3)
                await rolled(replicas, None)
                schemas.append(await version.current(opened.database))
                await rolled(replicas, before)
                schemas.append(await version.current(opened.database))
                await asyncio.sleep(3)
            transcripts = [one for _, one in balancer.made]

            async def rows() -> int:
                return (await spent(opened.database))[0]

            await eventually(rows, len(replicas.attempts()), within=30)
        statuses = Counter(one.status if one.end == "complete" else one.end for one in transcripts)
        # On a machine that has too much to do they say so, and when to come back.
        busy = sum(map(is_busy, transcripts))
        broken = [one.body[-300:] for one in transcripts if not is_well(one) and not is_busy(one)]
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


async def repeated(opened: Stores) -> int:
    """Attempts that are in the ledger more than once, under whatever entry."""
    async with opened.database.read(EVERYONE) as connection:
        found = (await connection.execute(select(ledger.c.request_id, ledger.c.attempt))).all()
    return len(found) - len({tuple(row) for row in found})
