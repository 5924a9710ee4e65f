"""Several gateways on one database for a drill, judged at its end as the one of a stage is."""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url
from tests.faults.rig.judging.ending import judged_at_its_end
from tests.support import databases
from tests.support.replicas import Replicas, Stores, held


@contextlib.contextmanager
def replicated(folder: Path, stores: Stores, count: int, limits: Mapping[str, Any], **more: Any) -> Iterator[Replicas]:
    """`Replicas` with these arguments."""
    with Replicas(folder, stores, count, limits, **more) as replicas:
        url = make_url(replicas.told["TIDEGATE_DATABASE_URL"])
        secrets = {name: value for name, value in replicas.told.items() if name.endswith("_KEY")}
        if url.password:
            secrets["the database's password"] = str(url.password)
        with judged_at_its_end(replicas.gateways, replicas.port, replicas.truth, secrets):
            yield replicas
        if all(gateway.ended == 0 for gateway in replicas.gateways):
            with ThreadPoolExecutor(1) as thread:  # a loop may run in this one
                left = thread.submit(asyncio.run, _held(url)).result()
            assert left == 0, f"I5: {left} are reserved when all have ended"


async def _held(url: URL) -> int:
    database = databases.opened(url)
    try:
        return await held(database)
    finally:
        await database.aclose()
