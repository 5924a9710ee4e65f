"""What was used and what it cost: the ledger's report as it is, for an organisation or one of its teams, or for all organisations."""

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
from tidegate.policy.roles import GATEWAY, allows
from tidegate.records import EVERYONE, Scope, Tenant
from tidegate.usage_report import Bucket, Dimension, UsageGone, UsageQuery, UsageReport, UsageTooLarge, csv_lines

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
    end_user: Values = []


class AllUsageAsked(UsageAsked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """As within an organisation, and by organisation."""

    org: Annotated[list[Id], msgspec.Meta(max_length=50)] = []


async def get_usage(call: Call, asked: UsageAsked) -> UsageReport:
    return await _report(call, asked, Tenant(call.tenant.org_id), _only(asked))


async def get_all_usage(call: Call, asked: AllUsageAsked) -> UsageReport:
    """Of all organisations for the operator, else of the caller's own."""
    if asked.team_id is not None:
        raise invalid_field("team_id", "a team is asked about within its organisation")
    only = _only(asked)
    if asked.org:
        only["org"] = tuple(asked.org)
    scope = EVERYONE if allows(call.caller.grants, "usage:read", GATEWAY) else Tenant(call.tenant.org_id)
    return await _report(call, asked, scope, only)


def usage_csv(asked: UsageAsked, report: UsageReport) -> str:
    return "".join(csv_lines(report, tuple(dict.fromkeys(asked.by))))


async def _report(call: Call, asked: UsageAsked, scope: Scope, only: dict[Dimension, tuple[str, ...]]) -> UsageReport:
    if call.services.ledger is None:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "no-ledger", "This gateway keeps no ledger that can be asked.")
    until = in_reach("until", asked.until or moment(call.now))
    since = in_reach("since", asked.since or until - _DEFAULT_SPAN)
    if since >= until:
        raise invalid_field("since", "it is not before `until`")
    _refuse_no_zone(asked.time_zone)
    if {"tag", "end_user"} <= {*asked.by, *only}:
        raise invalid_field("by", "tags and end users cannot be asked for together")
    query = UsageQuery(
        since=since.timestamp(),
        until=until.timestamp(),
        by=tuple(dict.fromkeys(asked.by)),
        bucket=asked.bucket,
        time_zone=asked.time_zone,
        only=only,
    )
    try:
        return await call.services.ledger.usage(scope, query)
    except UsageTooLarge as error:
        raise invalid_field("by", str(error)) from None
    except UsageGone as error:
        raise invalid_field("since", str(error)) from None


def _only(asked: UsageAsked) -> dict[Dimension, tuple[str, ...]]:
    given: dict[Dimension, list[str]] = {
        "team": [asked.team_id] if asked.team_id is not None else [],
        "user": asked.user,
        "key": asked.key,
        "provider": asked.provider,
        "model": asked.model,
        "route": asked.route,
        "tag": asked.tag,
        "end_user": asked.end_user,
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
        csv=usage_csv,
        summary="What an organisation or a team has used, and what it cost.",
    ),
    Route(
        method="GET",
        path="/usage",
        name="get_all_usage",
        permission="usage:read",
        where=where.organisation,
        asked=AllUsageAsked,
        answer=UsageReport,
        handler=get_all_usage,
        csv=usage_csv,
        summary="What all organisations have used, for the operator; else what the caller's own has.",
    ),
)
