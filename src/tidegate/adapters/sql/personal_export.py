"""What there is about somebody, page by page: every row that names them, their usage, and what calls kept for them, opened. Implements
`ports.PersonalData`. Secrets stay out: columns of bytes are not shown."""

import base64
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
from sqlalchemy import LargeBinary, Table, or_, select, tuple_

from tidegate.adapters.sql.engine import Database, within
from tidegate.adapters.sql.kept_store import part_purpose
from tidegate.adapters.sql.personal import DIRECTORY, PAGE, Person, Row, key_of, person, rows_of
from tidegate.adapters.sql.schema import audit_event, idempotency_record
from tidegate.adapters.sql.schema_kept import kept_object, kept_part
from tidegate.adapters.sql.schema_usage import ledger
from tidegate.adapters.sql.statements import told_when_away
from tidegate.policy.erased import END_USER, mark_of
from tidegate.ports import Sealer, Unsealable
from tidegate.records import Page, PersonalRecord, Subject, Tenant

PARTS = 4
"""Of what is kept, in one page: each may have some megabytes."""
_TABLES: tuple[Table, ...] = (
    *(table for table in DIRECTORY if table is not idempotency_record),
    ledger,
    audit_event,
    kept_object,
    kept_part,
)

Key = list[Any]
Found = tuple[list[PersonalRecord], Key | None]
"""Records, and the key behind which there may be more in the same table."""


class SqlPersonal:
    """`secret` is the one of the marks of end users."""

    def __init__(self, database: Database, sealer: Sealer, secret: bytes) -> None:
        self._database = database
        self._sealer = sealer
        self._secret = secret
        self._special: dict[str, Callable[[Person, Table, Key | None], Awaitable[Found]]] = {
            ledger.name: self._usage,
            kept_object.name: self._kept,
            kept_part.name: self._parts,
        }

    async def page(self, tenant: Tenant, subject: Subject, after: str | None) -> Page[PersonalRecord]:
        place, key = _place(after)
        with told_when_away():
            async with self._database.read(tenant) as connection:
                found = await person(connection, tenant, subject)
            if found is None or place >= len(_TABLES):
                return Page(())
            table = _TABLES[place]
            records, key = await self._special.get(table.name, self._rows)(found, table, key)
        if key is None and place + 1 == len(_TABLES):
            return Page(tuple(records))
        return Page(tuple(records), msgspec.json.encode((place if key is not None else place + 1, key)).decode())

    async def _rows(self, found: Person, table: Table, after: Key | None) -> Found:
        async with self._database.read(found.tenant) as connection:
            page = await rows_of(connection, found.tenant, table, after)
        named = [_record(table, row) for row in page if found.names(table, row)]
        return named, key_of(table, page[-1]) if len(page) == PAGE else None

    async def _usage(self, found: Person, table: Table, after: Key | None) -> Found:
        theirs = table.c.end_user == found.subject.id
        if found.is_user:
            theirs = or_(table.c.user_id == found.subject.id, table.c.key_id.in_(found.keys))
        return await self._chosen(found, table, after, theirs, PAGE)

    async def _kept(self, found: Person, table: Table, after: Key | None) -> Found:
        return await self._chosen(found, table, after, self._theirs(found), PARTS)

    async def _parts(self, found: Person, table: Table, after: Key | None) -> Found:
        own = select(kept_object.c.id).where(*within(found.tenant, kept_object), self._theirs(found))
        return await self._chosen(found, table, after, table.c.id.in_(own), PARTS)

    async def _chosen(self, found: Person, table: Table, after: Key | None, theirs: Any, most: int) -> Found:
        key = [column for column in table.primary_key.columns if column.name != "org_id"]
        query = select(*table.columns).where(*within(found.tenant, table), theirs).order_by(*key).limit(most)
        if after is not None:
            query = query.where(tuple_(*key) > tuple_(*after) if len(key) > 1 else key[0] > after[0])
        async with self._database.read(found.tenant) as connection:
            rows = [dict(row) for row in (await connection.execute(query)).mappings()]
        records = [_record(table, row, self._content(found.tenant, table, row)) for row in rows]
        return records, key_of(table, rows[-1]) if len(rows) == most else None

    def _theirs(self, found: Person) -> Any:
        if found.is_user:
            return kept_object.c.key_id.in_(found.keys)
        return kept_object.c.end_user_mark == mark_of(self._secret, found.tenant.org_id, END_USER, found.subject.id)

    def _content(self, tenant: Tenant, table: Table, row: Row) -> dict[str, Any]:
        """What is sealed, as JSON or text where it is that, else in base64."""
        if not row.get("sealed"):
            return {}
        purpose = row["kind"] if table is kept_object else part_purpose(row["place"])
        try:
            data = self._sealer.open(purpose, tenant.org_id, row["id"], row["sealed"])
        except Unsealable:
            return {"unreadable": True}
        try:
            return {"content": msgspec.json.decode(data)}
        except (msgspec.DecodeError, UnicodeDecodeError):
            return _text(data)


def _text(data: bytes) -> dict[str, Any]:
    try:
        return {"content": data.decode()}
    except UnicodeDecodeError:
        return {"content_base64": base64.b64encode(data).decode()}


def _record(table: Table, row: Row, content: dict[str, Any] | None = None) -> PersonalRecord:
    hidden = {column.name for column in table.columns if isinstance(column.type, LargeBinary)} | {"end_user_mark", "kek_id"}
    return PersonalRecord(kind=str(table.name), data={name: value for name, value in row.items() if name not in hidden} | (content or {}))


def _place(after: str | None) -> tuple[int, Key | None]:
    if after is None:
        return 0, None
    try:
        return msgspec.json.decode(after, type=tuple[int, Sequence[Any] | None])  # pyright: ignore[reportReturnType] - a list, out of JSON
    except msgspec.DecodeError:
        raise ValueError("the cursor is none that was given out") from None
