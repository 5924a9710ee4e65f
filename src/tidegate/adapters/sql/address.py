"""Which database to use: `TIDEGATE_DATABASE_URL`, else a SQLite file under the state directory. Makes addresses, opens nothing."""

from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

VARIABLE = "TIDEGATE_DATABASE_URL"
FILE = "tidegate.db"
"""Under `TIDEGATE_HOME`."""

_POSTGRES = ("postgresql", "postgres", "postgresql+asyncpg")
_SQLITE = ("sqlite", "sqlite+aiosqlite")


class BadAddress(ValueError):
    """The address names no database that is supported. The message repeats nothing of it: it may hold a password."""


def address(environ: Mapping[str, str], home: Path) -> URL:
    """With the driver that is used. Raises `BadAddress`."""
    given = environ.get(VARIABLE)
    if not given:
        return URL.create("sqlite+aiosqlite", database=str(home / FILE))
    try:
        url = make_url(given)
    except (ArgumentError, ValueError):
        raise BadAddress(f"{VARIABLE} is not an address: it is like postgresql://user:password@host:5432/tidegate") from None
    if url.drivername in _POSTGRES:
        return _for_asyncpg(url)
    if url.drivername in _SQLITE and url.database:
        return url.set(drivername="sqlite+aiosqlite")
    raise BadAddress(f"{VARIABLE} names no database that is supported: it begins with postgresql:// or is sqlite:///path/to/file")


def _for_asyncpg(url: URL) -> URL:
    """libpq's word for TLS is `sslmode`; the driver says `ssl` and knows the same values."""
    query = dict(url.query)
    if "sslmode" in query:
        query["ssl"] = query.pop("sslmode")
    return url.set(drivername="postgresql+asyncpg", query=query)
