"""The audit log, read only: who changed what, before and after. The log itself is written with every change."""

from datetime import datetime
from typing import Any

import msgspec

from tidegate.control.api import where
from tidegate.control.api.call import Call
from tidegate.control.api.fields import Short, moment
from tidegate.control.api.pagination import Listing, Paged
from tidegate.control.api.table import Route
from tidegate.records import AuditEvent


class AuditEventView(msgspec.Struct, frozen=True, kw_only=True):
    """`seq` grows by one for each event of the organisation, without gaps."""

    seq: int
    at: datetime
    actor_kind: str
    actor_id: str
    action: str
    subject_kind: str
    subject_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    request_id: str
    address: str
    reason: str
    generation: int


class AuditQuery(Paged, frozen=True, forbid_unknown_fields=True, kw_only=True):
    subject_kind: Short | None = None
    subject_id: Short | None = None
    actor_id: Short | None = None
    action: Short | None = None


async def list_events(call: Call, asked: AuditQuery) -> Listing[AuditEventView]:
    only = {"subject_kind": asked.subject_kind, "subject_id": asked.subject_id, "actor_id": asked.actor_id, "action": asked.action}
    return await call.page("audit-events", AuditEvent, asked, only, _show)


def _show(row: AuditEvent) -> AuditEventView:
    return AuditEventView(
        seq=row.seq,
        at=moment(row.at),
        actor_kind=row.actor_kind,
        actor_id=row.actor_id,
        action=row.action,
        subject_kind=row.subject_kind,
        subject_id=row.subject_id,
        before=row.before,
        after=row.after,
        request_id=row.request_id,
        address=row.address,
        reason=row.reason,
        generation=row.generation,
    )


ROUTES = (
    Route(
        method="GET",
        path="/orgs/{org}/audit-events",
        name="list_audit_events",
        permission="audit:read",
        where=where.organisation,
        asked=AuditQuery,
        answer=Listing[AuditEventView],
        handler=list_events,
        summary="What was changed and by whom, newest first.",
    ),
)
