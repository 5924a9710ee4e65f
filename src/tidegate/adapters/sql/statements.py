"""What the two databases spell differently, and which of their refusals are the fault of the data. Everything else is said once, in the
repositories."""

from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from tidegate.ports import StorageUnavailable

Insert = sqlite.Insert
"""PostgreSQL's has the same methods."""


def insert(table: Table, *, is_sqlite: bool) -> Insert:
    """An INSERT with `ON CONFLICT`. The dialect of PostgreSQL is loaded where there is one: it takes 2.4 MB."""
    return sqlite.insert(table) if is_sqlite else import_module("sqlalchemy.dialects.postgresql").insert(table)


def of_the_data(error: Exception) -> bool:
    """Whether trying again later would end the same way, because of a value and not of the database."""
    if not isinstance(error, StatementError):
        return isinstance(error, ValueError | TypeError | OverflowError)
    if not isinstance(error, DBAPIError) or isinstance(error, DataError | IntegrityError):
        return True
    original: Any = error.orig
    state = getattr(original, "sqlstate", None)
    # Class 22 is "data exception", 23 "integrity constraint violation". asyncpg refuses what it cannot encode as a ValueError.
    return (isinstance(state, str) and state[:2] in ("22", "23")) or isinstance(getattr(original, "__cause__", None), ValueError)


def is_away(error: BaseException) -> bool:
    """Whether the database is not there, or not in time: not a matter of what it was asked."""
    if isinstance(error, IntegrityError | DataError | ProgrammingError):
        return False
    if isinstance(error, DBAPIError | PoolTimeout | OSError):
        return True
    # The driver refuses a connection with errors of its own, which SQLAlchemy does not know.
    return type(error).__module__.startswith("asyncpg")


def is_refused(error: BaseException) -> bool:
    """Whether the server is there and does not know the user, the password or the database."""
    original: Any = getattr(error, "orig", None) or error
    state = getattr(original, "sqlstate", None)
    return isinstance(state, str) and state[:2] in ("28", "3D")


@contextmanager
def told_when_away() -> Generator[None]:
    """Raises `StorageUnavailable` for a database that is away."""
    try:
        yield
    except Exception as error:
        if not is_away(error):
            raise
        raise StorageUnavailable(f"{type(error).__name__}: {error}"[:500]) from error


def is_missing_reference(error: IntegrityError) -> bool:
    """Whether a row names another that is not there, and not one that is there already."""
    original: Any = error.orig
    return getattr(original, "sqlstate", None) == "23503" or "FOREIGN KEY" in str(original)
