"""What was used and what it cost: the ledger's report as it is, for an organisation or one of its teams."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from tidegate.control.api import where
from tidegate.control.api.call import Call
from tidegate.control.api.fields import Id, Moment, Short, in_reach, moment
from tidegate.control.api.problem import Problem, invalid_field
from tidegate.control.api.table import Route
from tidegate.records import Tenant
from tidegate.usage_report import Bucket, Dimension, UsageQuery, UsageReport, UsageTooLarge

_DEFAULT_SPAN = timedelta(days=30)

Values = Annotated[list[Short], msgspec.Meta(max_length=50)]


class UsageAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The last 30 days where no times are given. `by` splits the figures and may be given often; the other names keep what has one of the
    given values."""

    since: Moment | None = None
    until: Moment | None = None
    by: Annotated[list[Dimension], msgspec.Meta(max_length=3)] = []
    bucket: Bucket | None = None
    time_zone: Short = "UTC"
    team_id: Id | None = None
    user: Values = []
    key: Values = []
    provider: Values = []
    model: Values = []
    route: Values = []
    tag: Values = []


async def get_usage(call: Call, asked: UsageAsked) -> UsageReport:
    if call.services.ledger is None:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "no-ledger", "This gateway keeps no ledger that can be asked.")
    until = in_reach("until", asked.until or moment(call.now))
    since = in_reach("since", asked.since or until - _DEFAULT_SPAN)
    if since >= until:
        raise invalid_field("since", "it is not before `until`")
    _refuse_no_zone(asked.time_zone)
    query = UsageQuery(
        since=since.timestamp(),
        until=until.timestamp(),
        by=tuple(dict.fromkeys(asked.by)),
        bucket=asked.bucket,
        time_zone=asked.time_zone,
        only=_only(asked),
    )
    try:
        return await call.services.ledger.usage(Tenant(call.tenant.org_id), query)
    except UsageTooLarge as error:
        raise invalid_field("by", str(error)) from None


def _only(asked: UsageAsked) -> dict[Dimension, tuple[str, ...]]:
    given: dict[Dimension, list[str]] = {
        "team": [asked.team_id] if asked.team_id is not None else [],
        "user": asked.user,
        "key": asked.key,
        "provider": asked.provider,
        "model": asked.model,
        "route": asked.route,
        "tag": asked.tag,
    }
    return {name: tuple(values) for name, values in given.items() if values}


def _refuse_no_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise invalid_field("time_zone", "it is no time zone, like `Europe/Berlin`") from None


ROUTES = (
    Route(
        method="GET",
        path="/orgs/{org}/usage",
        name="get_usage",
        permission="usage:read",
        where=where.team_asked_for,
        asked=UsageAsked,
        answer=UsageReport,
        handler=get_usage,
        summary="What an organisation or a team has used, and what it cost.",
    ),
)
