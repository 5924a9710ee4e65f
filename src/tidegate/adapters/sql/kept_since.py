"""Since when usage is kept in full: retention notes it before it deletes, and reports are not made of what is gone."""

from sqlalchemy import select, update

from tidegate.adapters.sql.connection import AsyncConnection
from tidegate.adapters.sql.schema import installation
from tidegate.adapters.sql.statements import insert

_NAME = "usage_kept_since"


async def note(connection: AsyncConnection, at: int, *, is_sqlite: bool) -> None:
    """`at` in microseconds; an earlier time than is known changes nothing."""
    known = await kept_since(connection)
    if at > known:
        await connection.execute(insert(installation, is_sqlite=is_sqlite).values(name=_NAME, value="0").on_conflict_do_nothing())
        await connection.execute(update(installation).where(installation.c.name == _NAME).values(value=str(at)))


async def kept_since(connection: AsyncConnection) -> int:
    """Microseconds; 0 where nothing was ever deleted."""
    found = (await connection.execute(select(installation.c.value).where(installation.c.name == _NAME))).scalar()
    return int(found or 0)
