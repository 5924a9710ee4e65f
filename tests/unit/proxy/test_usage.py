"""`GET /v1/tidegate/usage`: what the calling key has used, and nothing of anybody else."""

from collections.abc import Sequence

import msgspec
import pytest
from tests.support.client import MemoryClient
from tests.unit.policy.values import key, snapshot
from tests.unit.proxy.values import Memory

from tidegate.dialects.table import DIALECTS
from tidegate.ir.errors import GatewayError
from tidegate.policy.route import Planner
from tidegate.ports import StorageUnavailable, UsageEvent
from tidegate.proxy.app import Late
from tidegate.proxy.call import Call
from tidegate.proxy.reply import Reply
from tidegate.proxy.usage import usage
from tidegate.records import Scope, Tenant
from tidegate.usage_report import Figures, Tokens, UsageGone, UsageQuery, UsageReport, UsageRow, UsageTooLarge

NOON = 1_780_315_200.0


class Told:
    """The `Ledger` port: remembers what it was asked."""

    def __init__(self, *, refused: ValueError | None = None, away: bool = False) -> None:
        self.asked: list[tuple[Scope, UsageQuery]] = []
        self._refused = refused
        self._away = away

    async def post(self, events: Sequence[UsageEvent]) -> int:
        raise NotImplementedError

    async def usage(self, scope: Scope, query: UsageQuery) -> UsageReport:
        self.asked.append((scope, query))
        if self._away:
            raise StorageUnavailable("gone")
        if self._refused is not None:
            raise self._refused
        figures = Figures(requests=2, attempts=3, tokens=Tokens(input=10, output=5), cost_nano=77, saved_nano=3, latency_ms=((50, 12.5),))
        group = dict.fromkeys(query.by, "=x")
        row = UsageRow(start=query.since if query.bucket else None, group=group, figures=figures)
        return UsageReport(since=query.since, until=query.until, bucket=query.bucket, time_zone=query.time_zone, rows=(row,), total=figures)


async def ask(ledger: Told | None, query: str) -> MemoryClient:
    planner = Planner(snapshot())
    call = Call(id="c", started=0, at=NOON, planner=planner, dialect=DIALECTS["openai_chat"], headers={}, path=b"", query=query.encode())
    call.key = msgspec.structs.replace(key("ci"), org="acme")
    client = MemoryClient("GET", "/v1/tidegate/usage", {})
    await usage(msgspec.structs.replace(Memory().app, late=Late(ledger)), call, Reply(client, []))
    return client


async def test_a_key_sees_its_own_usage_of_the_last_thirty_days() -> None:
    ledger = Told()
    body = (await ask(ledger, "")).json()
    scope, query = ledger.asked[0]
    assert scope == Tenant("acme")
    assert query == UsageQuery(since=NOON - 30 * 86_400, until=NOON, only={"key": ("id-ci",)})
    assert (body["object"], body["key"], body["until"]) == ("usage", {"id": "id-ci", "name": "ci"}, "2026-06-01T12:00:00Z")
    assert (body["total"]["requests"], body["total"]["cost_nano"], body["total"]["saved_nano"]) == (2, 77, 3)
    assert body["total"]["latency_ms_p50"] == 12.5
    assert body["rows"][0]["input_tokens"] == 10


async def test_by_bucket_and_model_in_a_time_zone() -> None:
    ledger = Told()
    query = "since=2026-05-01&until=2026-06-01T00:00:00Z&bucket=day&time_zone=Europe%2FBerlin&by=model&by=end_user"
    body = (await ask(ledger, query)).json()
    asked = ledger.asked[0][1]
    assert (asked.by, asked.bucket, asked.time_zone) == (("model", "end_user"), "day", "Europe/Berlin")
    assert (asked.since, asked.until) == (1_777_586_400.0, 1_780_272_000.0)
    assert (body["rows"][0]["from"], body["rows"][0]["model"]) == ("2026-05-01", "=x")


async def test_as_comma_separated_values_without_formulas() -> None:
    client = await ask(Told(), "format=csv&by=tag&bucket=hour")
    assert client.headers_sent["content-type"] == "text/csv; charset=utf-8"
    names, row = client.sent.decode().splitlines()
    assert names.startswith("from,tag,requests,attempts")
    assert row.split(",")[1] == "'=x"
    assert len(names.split(",")) == len(row.split(","))


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("key=other", "key"),
        ("only=key%3Dx", "only"),
        ("since=yesterday", "since"),
        ("since=0001-01-01", "since"),
        ("until=9999-01-01", "until"),
        ("since=2026-06-02&until=2026-06-01", "since"),
        ("since=2026-06-01&since=2026-06-01", "since"),
        ("bucket=week", "bucket"),
        ("time_zone=..%2Fetc%2Fpasswd", "time_zone"),
        ("by=key", "by"),
        ("by=org", "by"),
        ("by=tag&by=end_user", "by"),
        ("format=xml", "format"),
    ],
)
async def test_what_cannot_be_asked(query: str, param: str) -> None:
    ledger = Told()
    with pytest.raises(GatewayError) as raised:
        await ask(ledger, query)
    assert (raised.value.error.http_status, raised.value.error.param) == (400, param)
    assert ledger.asked == []


async def test_too_much_and_no_ledger() -> None:
    for refused, param in ((UsageTooLarge("too many"), "bucket"), (UsageGone("gone since"), "since")):
        with pytest.raises(GatewayError, match=str(refused)) as raised:
            await ask(Told(refused=refused), "bucket=hour")
        assert (raised.value.error.http_status, raised.value.error.param) == (400, param)
    with pytest.raises(GatewayError) as raised:
        await ask(None, "")
    assert raised.value.error.http_status == 503
    with pytest.raises(GatewayError) as raised:
        await ask(Told(away=True), "")
    assert raised.value.error.http_status == 503
