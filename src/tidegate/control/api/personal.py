"""A person's or an end user's data, given out and erased on request. An erasure ends at once what they could do; what names them elsewhere
is replaced by loops of the gateway (`adapters.sql.erasing`), which finish it some minutes later."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tidegate.control import forms
from tidegate.control.api import where
from tidegate.control.api.call import Call
from tidegate.control.api.fields import moment, moment_or_none
from tidegate.control.api.identify import grants_of
from tidegate.control.api.owners import keep_an_owner
from tidegate.control.api.pagination import Listing, Paged, open_cursor, seal
from tidegate.control.api.problem import not_found, unavailable
from tidegate.control.api.table import Nothing, Route
from tidegate.control.erasures import begin, erasure
from tidegate.policy.erased import USER
from tidegate.ports.control import PersonalData
from tidegate.records import Erasure, Subject, User

SubjectKind = Literal["user", "end_user"]
SubjectName = Annotated[
    str, Meta(min_length=1, max_length=500, pattern=forms.NO_NUL, description="The user's id, or the end user's name as clients send it.")
]
LongCursor = Annotated[str, Meta(min_length=1, max_length=8192, description="`next` of the answer before.")]


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whose data."""

    kind: SubjectKind
    id: SubjectName


class ExportQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    cursor: LongCursor


class ExportView(msgspec.Struct, frozen=True, kw_only=True):
    """`next` is the `cursor` of the first page."""

    next: str


class PersonalRecordView(msgspec.Struct, frozen=True, kw_only=True):
    """`kind` is the table that the record is kept in. Times in `data` are microseconds since 1970."""

    kind: str
    data: dict[str, Any]


class ErasureView(msgspec.Struct, frozen=True, kw_only=True):
    """`pseudonym` stands where the name stood. `subject` is null once it is finished. `counts` are the rows that changed or went."""

    id: str
    subject_kind: SubjectKind
    subject: str | None
    pseudonym: str
    state: Literal["running", "finished"]
    counts: dict[str, int]
    created_by: str
    created_at: datetime
    finished_at: datetime | None
    revision: int


async def begin_export(call: Call, asked: Asked) -> ExportView:
    subject = Subject(asked.kind, asked.id)
    await _may_touch(call, subject)
    await call.change.note("personal_data.export", subject.kind, subject.id)
    return ExportView(next=_cursor(call, subject, None))


async def get_export(call: Call, asked: ExportQuery) -> Listing[PersonalRecordView]:
    place = open_cursor(call.services.peppers.secret, _list_name(call), asked.cursor)
    kind, id, after = msgspec.json.decode(place, type=tuple[SubjectKind, str, str | None])
    subject = Subject(kind, id)
    page = await _personal(call).page(call.tenant, subject, after)
    items = [PersonalRecordView(kind=row.kind, data=row.data) for row in page.items]
    return Listing(items=items, next=None if page.cursor is None else _cursor(call, subject, page.cursor))


async def create_erasure(call: Call, asked: Asked) -> ErasureView:
    subject = Subject(asked.kind, asked.id)
    await _may_touch(call, subject)
    if subject.kind == USER:
        await keep_an_owner(call, without_subject=("user", subject.id))
    secret, ids = call.services.peppers.secret, call.services.secrets
    row = erasure(call.tenant, subject, secret, ids, by=call.actor_name, now=call.now)
    await begin(call.change, row)
    return _show(row)


async def list_erasures(call: Call, asked: Paged) -> Listing[ErasureView]:
    return await call.page("erasures", Erasure, asked, {}, _show)


async def get_erasure(call: Call, _asked: Nothing) -> ErasureView:
    return _show(await call.load(Erasure, call.params["erasure"]))


async def _may_touch(call: Call, subject: Subject) -> None:
    """Nobody reads or ends somebody who holds more. Raises `Problem`."""
    if subject.kind != USER:
        return
    if await call.view.get(User, subject.id) is None:
        raise not_found()
    call.require_held(await grants_of(call.view, call.tenant, "user", subject.id), "This user")


def _personal(call: Call) -> PersonalData:
    found = call.services.personal()
    if found is None:
        raise unavailable()
    return found


def _list_name(call: Call) -> str:
    return f"{call.tenant.org_id}/personal-data"


def _cursor(call: Call, subject: Subject, after: str | None) -> str:
    place = msgspec.json.encode((subject.kind, subject.id, after)).decode()
    return seal(call.services.peppers.secret, _list_name(call), place)


def _show(row: Erasure) -> ErasureView:
    return ErasureView(
        id=row.id,
        subject_kind=row.subject_kind,
        subject=row.subject or None,
        pseudonym=row.pseudonym,
        state="running" if row.finished_at is None else "finished",
        counts=row.counts,
        created_by=row.created_by,
        created_at=moment(row.created_at),
        finished_at=moment_or_none(row.finished_at),
        revision=row.revision,
    )


ROUTES = (
    Route(
        method="POST",
        path="/orgs/{org}/personal-data",
        name="begin_personal_export",
        permission="personal_data:export",
        where=where.organisation,
        asked=Asked,
        answer=ExportView,
        handler=begin_export,
        summary="Ask for everything that there is about a user or an end user. It is noted in the audit log.",
    ),
    Route(
        method="GET",
        path="/orgs/{org}/personal-data",
        name="get_personal_export",
        permission="personal_data:export",
        where=where.organisation,
        asked=ExportQuery,
        answer=Listing[PersonalRecordView],
        handler=get_export,
        summary="A page of what was asked for; a page may be empty and have a next one.",
    ),
    Route(
        method="POST",
        path="/orgs/{org}/erasures",
        name="create_erasure",
        permission="personal_data:erase",
        where=where.organisation,
        asked=Asked,
        answer=ErasureView,
        status=HTTPStatus.CREATED,
        handler=create_erasure,
        summary="Erase a user or an end user, for ever. Amounts stay.",
    ),
    Route(
        method="GET",
        path="/orgs/{org}/erasures",
        name="list_erasures",
        permission="personal_data:read",
        where=where.organisation,
        asked=Paged,
        answer=Listing[ErasureView],
        handler=list_erasures,
        summary="The erasures of an organisation.",
    ),
    Route(
        method="GET",
        path="/orgs/{org}/erasures/{erasure}",
        name="get_erasure",
        permission="personal_data:read",
        where=where.organisation,
        answer=ErasureView,
        handler=get_erasure,
        summary="One erasure, and how far it is.",
    ),
)
