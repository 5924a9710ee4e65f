"""The audit log is read here; `changes` writes it."""

from sqlalchemy import select

from tidegate.adapters.sql.engine import Database, within
from tidegate.adapters.sql.rows import record_of
from tidegate.adapters.sql.schema import audit_event
from tidegate.records import AuditEvent, Page, Tenant

_COLUMNS = [audit_event.c[name] for name in AuditEvent.__struct_fields__]
MOST = 500


class Audit:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(
        self, tenant: Tenant, *, limit: int = 50, cursor: str | None = None, subject: tuple[str, str] | None = None
    ) -> Page[AuditEvent]:
        """Newest first; `subject` is (kind, id). Raises `ValueError` for a cursor that is none."""
        limit = max(1, min(limit, MOST))
        query = select(*_COLUMNS).where(*within(tenant, audit_event)).order_by(audit_event.c.seq.desc()).limit(limit + 1)
        if cursor is not None:
            query = query.where(audit_event.c.seq < int(cursor))
        if subject is not None:
            query = query.where(audit_event.c.subject_kind == subject[0], audit_event.c.subject_id == subject[1])
        async with self._database.read(tenant) as connection:
            rows = (await connection.execute(query)).all()
        items = tuple(record_of(AuditEvent, row) for row in rows[:limit])
        return Page(items, str(items[-1].seq) if len(rows) > limit else None)
