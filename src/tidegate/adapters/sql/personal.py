"""Which rows name somebody, and what they say without them: the one answer for export and erasure, so that what the one shows is what the
other takes away.

A user is told by an id, an e-mail address and the ids of their keys, which nobody else has: they are found wherever a text has them. An end
user's name may be any word, so it counts only where something says that it is one. Texts that people typed (names of teams, say) are
searched for the user's address and ids, and not for the name.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Table, and_, or_, select, tuple_

from tidegate.adapters.sql.columns import METADATA
from tidegate.adapters.sql.connection import AsyncConnection
from tidegate.adapters.sql.engine import within
from tidegate.adapters.sql.schema import (
    api_key,
    audit_event,
    erasure,
    idempotency_record,
    limit_lease,
    limit_window,
    role_binding,
    team_member,
    user_account,
)
from tidegate.adapters.sql.schema_billing import customer
from tidegate.adapters.sql.schema_kept import kept_object, kept_part
from tidegate.adapters.sql.schema_usage import TENANT_FREE, WRITTEN, ledger
from tidegate.policy.erased import END_USER, USER
from tidegate.records import Subject, Tenant

Row = Mapping[str, Any]

PAGE = 500
"""Rows that are looked at in one statement."""
_APART = {
    *(table.name for table in (ledger, kept_object, kept_part, limit_window, limit_lease, erasure, audit_event)),
    *(table.name for _, table in WRITTEN),
}
DIRECTORY: tuple[Table, ...] = tuple(
    table for table in METADATA.sorted_tables if table.name not in TENANT_FREE and table.name not in _APART
)
"""What people and programs made: every row of these is looked at. A new table is one of them."""

_PERSONAL: dict[str, Any] = {"name": "", "email": "", "purpose": "", "addresses": [], "tags": []}
"""Fields of somebody's own rows and events that may tell who they are."""


class Person(msgspec.Struct, frozen=True):
    """Somebody as rows tell them. `keys` are the ids of a user's keys; `own` are rows that are about them alone, as (kind, id)."""

    tenant: Tenant
    subject: Subject
    keys: tuple[str, ...]
    own: frozenset[tuple[str, str]]
    pattern: re.Pattern[str]

    @property
    def is_user(self) -> bool:
        return self.subject.kind == USER

    @property
    def scopes(self) -> list[str]:
        """As windows of limits name whom they are for."""
        if self.is_user:
            return [f"user:{self.subject.id}", *(f"key:{key}" for key in self.keys)]
        return [f"end_user:{self.tenant.org_id}/{self.subject.id}"]

    def without(self, table: Table, row: Row, pseudonym: str) -> dict[str, Any] | None:
        """The columns that are other without them; None where the row goes as a whole."""
        if self._goes(table, row):
            return None
        plain = {name: value for name, value in row.items() if not isinstance(value, bytes)}
        told: Row = self._replaced(plain, pseudonym)
        if table is audit_event:
            told = self._event(told, row)
        return {name: value for name, value in told.items() if value != row[name]}

    def names(self, table: Table, row: Row) -> bool:
        """Whether the row tells of them."""
        changed = self.without(table, row, "")
        return changed is None or bool(changed)

    def _goes(self, table: Table, row: Row) -> bool:
        if table is idempotency_record:
            said = [row["owner"], _document(row["answer"])]
            return bool(self._replaced(said, "") != said)
        if table is user_account:
            return self.is_user and row["id"] == self.subject.id
        if table is team_member or table is role_binding:
            return self.is_user and self.subject.id in (row.get("user_id"), row.get("subject_id"))
        return table is api_key and self.is_user and row["id"] in self.keys

    def _event(self, told: Row, row: Row) -> Row:
        """An event about them, or by them, says that there was one, and no more."""
        changed = dict(told)
        if (row["subject_kind"], row["subject_id"]) in self.own:
            for name in ("before", "after"):
                if told[name] is not None:
                    changed[name] = {field: _PERSONAL.get(field, value) for field, value in told[name].items()}
        if self.is_user and row["actor_id"] == self.subject.id:
            changed |= {"address": "", "reason": ""}
        return changed

    def _replaced(self, value: Any, pseudonym: str) -> Any:
        return self._texts(value, pseudonym) if self.is_user else self._named(value, pseudonym)

    def _texts(self, value: Any, pseudonym: str) -> Any:
        if isinstance(value, str):
            return self.pattern.sub(pseudonym, value)
        if isinstance(value, list):
            return [self._texts(one, pseudonym) for one in value]  # pyright: ignore[reportUnknownVariableType] - JSON as it was stored
        if isinstance(value, dict):
            found: dict[str, Any] = {name: self._texts(one, pseudonym) for name, one in value.items()}  # pyright: ignore[reportUnknownVariableType] - JSON
            return found | {"email": ""} if found.get("email") != value.get("email") else found  # pyright: ignore[reportUnknownMemberType] - JSON
        return value

    def _named(self, value: Any, pseudonym: str) -> Any:
        """Where something says that it is about an end user, and about this one."""
        if isinstance(value, list):
            return [self._named(one, pseudonym) for one in value]  # pyright: ignore[reportUnknownVariableType] - JSON as it was stored
        if not isinstance(value, dict):
            return value
        found: dict[str, Any] = {name: self._named(one, pseudonym) for name, one in value.items()}  # pyright: ignore[reportUnknownVariableType] - JSON
        texts = [one for one in found.values() if isinstance(one, str)]
        names = (self.subject.id, f"{self.tenant.org_id}/{self.subject.id}")
        if END_USER not in texts or not any(name in texts for name in names):
            return found
        found |= {name: "" for name in ("name", "email") if isinstance(found.get(name), str)}
        return {name: pseudonym if isinstance(one, str) and one in names else one for name, one in found.items()}


async def person(connection: AsyncConnection, tenant: Tenant, subject: Subject) -> Person | None:
    """None for a user who is not there. Any name can be one of an end user."""
    if subject.kind == END_USER:
        chosen = (*within(tenant, customer), customer.c.kind == END_USER, customer.c.subject == subject.id)
        customers = (await connection.execute(select(customer.c.id).where(*chosen))).scalars()
        return Person(tenant, subject, (), frozenset(("customer", id) for id in customers), re.compile(r"(?!)"))
    chosen = (*within(tenant, user_account), user_account.c.id == subject.id)
    found = (await connection.execute(select(user_account.c.email).where(*chosen))).first()
    if found is None:
        return None
    theirs = or_(api_key.c.user_id == subject.id, and_(api_key.c.owner_kind == USER, api_key.c.owner_id == subject.id))
    keys = tuple((await connection.execute(select(api_key.c.id).where(*within(tenant, api_key), theirs))).scalars())
    names = [re.escape(name) for name in (subject.id, *keys)] + ([f"(?i:{re.escape(found.email)})"] if found.email else [])
    pattern = re.compile(rf"(?<![0-9A-Za-z._%+-])(?:{'|'.join(names)})(?![0-9A-Za-z_-])")
    return Person(tenant, subject, keys, frozenset((("user", subject.id), *(("key", key) for key in keys))), pattern)


async def rows_of(connection: AsyncConnection, tenant: Tenant, table: Table, after: Sequence[Any] | None) -> list[Row]:
    """One page of a table, in the order of its key, from behind a key of it."""
    key = [column for column in table.primary_key.columns if column.name != "org_id"]
    query = select(*table.columns).where(*within(tenant, table)).order_by(*key).limit(PAGE)
    if after is not None:
        query = query.where(tuple_(*key) > tuple_(*after) if len(key) > 1 else key[0] > after[0])
    return [dict(row) for row in (await connection.execute(query)).mappings()]


def key_of(table: Table, row: Row) -> list[Any]:
    """What names a row within its tenant."""
    return [row[column.name] for column in table.primary_key.columns if column.name != "org_id"]


def _document(data: bytes | None) -> Any:
    try:
        return None if data is None else msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
