"""The database as commands use it: opened where a gateway with the same variables would look, with failures that people can read."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from tidegate.adapters.sql.address import address
from tidegate.adapters.sql.engine import ADMIN_SECONDS, Database
from tidegate.control.settings import settings

T = TypeVar("T")


class Unusable(RuntimeError):
    """The database cannot be used; the message says why, and names no password."""


def with_database(home: Path | None, work: Callable[[Database], Awaitable[T]]) -> T:
    """Runs `work`. Raises `Unusable`, `BadAddress`, `ConfigError`, `BrokenPipeError` and what else `work` raises."""
    url = address(os.environ, settings(os.environ, home=home).home)
    where = url.render_as_string(hide_password=True)

    async def run() -> T:
        database = Database(url, statement_seconds=ADMIN_SECONDS)
        try:
            return await work(database)
        finally:
            await database.aclose()

    try:
        return asyncio.run(run())
    except BrokenPipeError:  # whoever read what was printed has had enough; the database is well
        raise
    except (SQLAlchemyError, OSError) as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        raise Unusable(f"the database {where} cannot be used: {reason}") from error
