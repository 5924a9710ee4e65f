"""How rows reach the ledger and its rollups: many at once, in one statement that is spelled once and prepared by the driver.

SQLAlchemy compiles and binds every row of such a statement anew, which costs several times what the database does with it. So these two
are text: SQLite runs one for many tuples, PostgreSQL takes the rows as one JSON document. `ledger` posts by it, and `erasing` what it puts
under another name.
"""

from collections.abc import Collection, Iterable, Sequence
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import JSON, Column, LargeBinary, Table

from tidegate.adapters.sql.columns import names_of
from tidegate.adapters.sql.connection import AsyncConnection
from tidegate.adapters.sql.ledger_rows import Row

_ENCODE = msgspec.json.Encoder().encode


class Posting:
    """Of one table. `nothing` is the statement that stores what is not there yet; `identity` names the columns that PostgreSQL gives
    back of what was not."""

    def __init__(self, table: Table, *, is_sqlite: bool, identity: Sequence[str] = ()) -> None:
        columns = [column for column in table.columns if column.autoincrement is not True]
        self._is_sqlite = is_sqlite
        self._table = table.name
        self._key = ", ".join(column.name for column in table.primary_key.columns)
        self._names = names_of(columns)
        self._values = itemgetter(*self._names)
        self._documents = names_of(column for column in columns if isinstance(column.type, JSON))
        self._bytes = names_of(column for column in columns if isinstance(column.type, LargeBinary))
        self._into = _insertion(table.name, self._names, None if is_sqlite else _recordset(columns))
        self.nothing = self._into + "DO NOTHING"
        if identity and not is_sqlite:
            self.nothing += f" RETURNING {', '.join(identity)}"

    def adding(self, rows: Sequence[Row], sums: Sequence[str]) -> str:
        """The statement that adds the columns `sums` of these rows to what is there. Columns that are 0 in all of them are left out."""
        changed = [name for name in sums if any(row[name] for row in rows)] or sums[:1]
        added = ", ".join(f"{name} = {self._table}.{name} + excluded.{name}" for name in changed)
        return f"{self._into}({self._key}) DO UPDATE SET {added}"

    def storing(self, rows: Sequence[Row]) -> tuple[str, Iterable[tuple[Any, ...]]]:
        """`nothing` for these rows alone, and they as SQLite's driver takes them. Columns that are empty in all of them are left out: for
        each None the driver looks for an adapter, which costs more than the rest of a value (CPython 3.11)."""
        columns = zip(self._names, zip(*map(self._values, rows), strict=True), strict=True)
        empty = (None,) * len(rows)
        filled: dict[str, Sequence[Any]] = {name: column for name, column in columns if column != empty}
        for name in self._documents:
            if name in filled:
                filled[name] = [None if value is None else _ENCODE(value).decode() for value in filled[name]]
        return _insertion(self._table, filled) + "DO NOTHING", zip(*filled.values(), strict=True)

    def tuples(self, rows: Sequence[Row]) -> list[tuple[Any, ...]]:
        """The rows as SQLite's driver takes them."""
        return [self._tuple(row) for row in rows]

    async def run(self, connection: AsyncConnection, text: str, rows: Sequence[Row]) -> list[tuple[Any, ...]]:
        """What PostgreSQL gives back."""
        if self._is_sqlite:
            await connection.exec_driver_sql(text, self.tuples(rows))
            return []
        document = _ENCODE([self._plain(row) for row in rows]).decode()
        done = await connection.exec_driver_sql(text, (document,))
        return [tuple(row) for row in done] if done.returns_rows else []

    def _tuple(self, row: Row) -> tuple[Any, ...]:
        return self._values(self._with_documents(row))

    def _plain(self, row: Row) -> Row:
        """`row` as JSON can say it. Documents are texts in it, so that a NUL in one of them stays escaped: PostgreSQL takes no other."""
        changed = {name: row[name].hex() for name in self._bytes if row[name] is not None}
        return {**self._with_documents(row), **changed}

    def _with_documents(self, row: Row) -> Row:
        changed = {name: _ENCODE(row[name]).decode() for name in self._documents if row[name] is not None}
        return {**row, **changed} if changed else row


def _insertion(table: str, names: Collection[str], source: str | None = None) -> str:
    values = source or f"VALUES ({', '.join('?' * len(names))})"
    return f"INSERT INTO {table} ({', '.join(names)}) {values} ON CONFLICT "


def _recordset(columns: Sequence[Column[Any]]) -> str:
    """`WHERE true`, because PostgreSQL would read `ON CONFLICT` as the condition of a join."""
    types = ", ".join(f"{column.name} {_given_as(column)}" for column in columns)
    values = ", ".join(_value_of(column) for column in columns)
    return f"SELECT {values} FROM json_to_recordset(CAST(CAST($1 AS text) AS json)) AS given({types}) WHERE true"  # noqa: S608 - our own names


def _given_as(column: Column[Any]) -> str:
    return "text" if isinstance(column.type, LargeBinary | JSON) else column.type.compile()


def _value_of(column: Column[Any]) -> str:
    match column.type:
        case LargeBinary():
            return f"decode({column.name}, 'hex')"
        case JSON():
            return f"CAST({column.name} AS json)"
        case _:
            return column.name
