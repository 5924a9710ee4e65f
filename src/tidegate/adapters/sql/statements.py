"""What the two databases spell differently, and which of their refusals are the fault of the data. Everything else is said once, in the
repositories."""

import re
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

_CONSTRAINT = re.compile(r'"(?:uq_\w+?_org_id_(\w+)|pk_organisation)"')
"""As PostgreSQL names what is unique; with row-level security it tells no more."""
_COLUMNS = re.compile(r"^UNIQUE constraint failed: (.+)")
"""As SQLite does."""
_THERE_ALREADY = {
    "": "the id is taken",
    "name": "the name is taken",
    "email": "the e-mail address is taken",
    "url": "there is a webhook with this address",
    "kind_subject": "there is a customer with this `kind` and `subject`",
    "customer_id_period": "there is an invoice of this customer and month: work that one out again",
    "provider_model_valid_from": "there is a price of this name from this day on",
    "subject_kind_subject_id_role_scope": "this role is held on this scope already",
}


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


def why_refused(error: IntegrityError) -> str:
    """What a row is not let in for, in words: it names another that is not there, or is one that is there already."""
    original: Any = error.orig
    told = str(original)
    if getattr(original, "sqlstate", None) == "23503" or "FOREIGN KEY" in told:
        return "it names something that is not there"
    constraint, columns = _CONSTRAINT.search(told), _COLUMNS.search(told)
    same = "another"
    if constraint is not None:
        same = constraint[1] or ""
    elif columns is not None:
        named = (name.rpartition(".")[2] for name in columns[1].split(", "))
        same = "_".join(name for name in named if name != "org_id")
    return _THERE_ALREADY.get(same, "there is one like it already")
