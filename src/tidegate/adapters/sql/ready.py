"""What a gateway does with its database before it uses it: SQLite, which is its own, is brought to the schema of this code; PostgreSQL is
the operator's: one that is behind is a failure of the start, unless they want it raised."""

import asyncio
from importlib import import_module

from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.fresh import fill
from tidegate.adapters.sql.version import current, is_behind, require


async def ready(database: Database, *, auto_migrate: bool = False) -> None:
    """`auto_migrate` raises PostgreSQL too. Raises `version.Behind` with the command that helps."""
    if database.is_sqlite and await current(database) is None and await fill(database):
        return
    if (database.is_sqlite or auto_migrate) and is_behind(await current(database)):
        # alembic takes 0.3 s and 12 MB to load, and is needed after an upgrade only.
        await (await asyncio.to_thread(import_module, "tidegate.adapters.sql.migrate")).upgrade(database)
    else:
        await require(database)
