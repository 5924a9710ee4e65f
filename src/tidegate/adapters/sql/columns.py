"""How the tables spell what SQLAlchemy leaves open: names of constraints, times, JSON, and what every tenant's table begins with."""

import sys
from collections.abc import Iterable
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Integer, MetaData, PrimaryKeyConstraint, Text

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

SERIAL = BigInteger().with_variant(Integer, "sqlite")
"""A 64-bit number that the database gives: SQLite does so only for a column of the type INTEGER."""


def text(name: str, *, optional: bool = False) -> Column[Any]:
    return Column(name, Text, nullable=optional, default=None if optional else "")


def number(name: str, *, optional: bool = False) -> Column[Any]:
    """64 bits; 0 unless it is given."""
    return Column(name, BigInteger, nullable=optional, default=None if optional else 0)


def moment(name: str, *, optional: bool = False) -> Column[Any]:
    """Microseconds since 1970, UTC."""
    return Column(name, BigInteger, nullable=optional)


def document(name: str, *, optional: bool = False) -> Column[Any]:
    return Column(name, JSON(none_as_null=True), nullable=optional)


def owned(*key: str) -> PrimaryKeyConstraint:
    """The primary key of a tenant's table: the tenant comes first, so that every look-up by key is one of that tenant."""
    return PrimaryKeyConstraint("org_id", *key)


def lifetime() -> tuple[Column[Any], ...]:
    """What every row that people edit has: `revision` counts its changes and is its ETag."""
    return moment("created_at"), moment("updated_at"), Column("revision", Integer, nullable=False, default=1)


def names_of(columns: Iterable[Column[Any]]) -> list[str]:
    """As plain strings: SQLAlchemy's own are of a class that dictionaries are slow with."""
    return [sys.intern(str(column.name)) for column in columns]
