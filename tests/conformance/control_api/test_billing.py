"""Billing over the API: from a plan to a final invoice with its number, as JSON and CSV, on both databases; and who may not."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.clock import FixedClock
from tests.support.control import World
from tests.support.usage import usage_event

from tidegate.adapters.sql.ledger import LedgerStore
from tidegate.adapters.sql.retention import Retention

JUNE = datetime(2026, 6, 10, tzinfo=UTC).timestamp()
DOLLAR = 10**9


async def made(api: World, token: str, path: str, **body: Any) -> dict[str, Any]:
    answer = await api.ask("POST", path, token, body)
    assert answer.status == 201, answer.body
    return answer.json


async def customer_with_usage(api: World, token: str, **terms: Any) -> dict[str, Any]:
    """A team of `a` that has used models for 3 dollars in June."""
    customer = await made(api, token, "/orgs/a/customers", name="Team X", kind="team", subject="x", time_zone="Europe/Berlin")
    plan = await made(api, token, "/orgs/a/plans", name="Pro", **terms)
    await made(api, token, "/orgs/a/subscriptions", customer_id=customer["id"], plan_id=plan["id"], starts_on="2026-06-01")
    events = [usage_event(n, at=JUNE + n, org="a", team="x", cost_nano=DOLLAR, usage={"input": 100, "output": 10}) for n in range(3)]
    events += [usage_event(9, at=JUNE, org="a", team="y", cost_nano=DOLLAR), usage_event(10, at=JUNE, org="b", team="x", cost_nano=DOLLAR)]
    await LedgerStore(api.database).post(events)
    return customer


async def test_from_a_plan_to_a_final_invoice(each: World) -> None:
    api, token = each, await each.admin("a", "billing")
    customer = await customer_with_usage(api, token, price_nano=20 * DOLLAR, included_nano=DOLLAR, markup_bp=1000)
    await made(api, token, "/orgs/a/adjustments", customer_id=customer["id"], amount_nano=-DOLLAR // 2, reason="an outage")
    draft = await made(api, token, "/orgs/a/invoices", customer_id=customer["id"], period="2026-06")
    assert [(line["kind"], line["nano"]) for line in draft["lines"]] == [
        ("fee", 20 * DOLLAR),
        ("usage", 3_300_000_000),
        ("included", -DOLLAR),
        ("credit", -DOLLAR // 2),
    ]
    assert (draft["state"], draft["number"], draft["total_nano"], draft["unpriced"]) == ("draft", None, 21_800_000_000, 0)
    assert (draft["period_from"], draft["period_until"]) == ("2026-05-31T22:00:00Z", "2026-06-30T22:00:00Z")
    await LedgerStore(api.database).post([usage_event(11, at=JUNE, org="a", team="x", cost_nano=None)])
    path = f"/orgs/a/invoices/{draft['id']}"
    again = await api.ask("POST", path + "/recompute", token, {})
    assert (again.json["unpriced"], again.json["total_nano"]) == (1, 21_800_000_000)
    final = await api.ask("POST", path + "/finalise", token, {})
    assert final.status == 200
    assert (final.json["state"], final.json["number"]) == ("final", 1)
    for end in ("/finalise", "/recompute"):
        assert (await api.ask("POST", path + end, token, {})).status == 409
    await LedgerStore(api.database).post([usage_event(12, at=JUNE, org="a", team="x", cost_nano=DOLLAR)])
    kept = await api.ask("GET", path, token)
    assert {**kept.json} == {**final.json}
    lines = (await api.ask("GET", path, token, headers={"accept": "text/csv"})).body.decode().splitlines()
    assert lines[0].startswith("number,invoice,customer,period,state,kind,text,quantity")
    assert [line.split(",")[-1] for line in lines[1:]] == ["20000000000", "3300000000", "-1000000000", "-500000000", "0", "21800000000"]
    assert ",unpriced," in lines[-2] and lines[-2].endswith(",1,0,1,0")
    listed = await api.ask("GET", "/orgs/a/invoices", token, query={"state": "final"}, headers={"accept": "text/csv"})
    assert listed.body.decode().splitlines() == lines
    used = (await api.ask("GET", "/orgs/a/adjustments", token)).json["items"]
    assert [row["invoice_id"] for row in used] == [draft["id"]]


async def test_credits_that_exceed_an_invoice_are_carried_over(api: World) -> None:
    token = await api.admin("a", "billing")
    customer = await customer_with_usage(api, token)
    await made(api, token, "/orgs/a/adjustments", customer_id=customer["id"], amount_nano=-5 * DOLLAR, reason="sorry")
    numbers = []
    for period, total in (("2026-06", 0), ("2026-07", 0)):
        draft = await made(api, token, "/orgs/a/invoices", customer_id=customer["id"], period=period)
        assert draft["total_nano"] == total
        numbers.append((await api.ask("POST", f"/orgs/a/invoices/{draft['id']}/finalise", token, {})).json["number"])
    assert numbers == [1, 2]
    reasons = [(row["reason"], row["amount_nano"]) for row in (await api.ask("GET", "/orgs/a/adjustments", token)).json["items"]]
    assert sorted(reasons) == [
        ("carried over from invoice 1", -2 * DOLLAR),
        ("carried over from invoice 2", -2 * DOLLAR),
        ("sorry", -5 * DOLLAR),
    ]
    as_csv = {"accept": "text/csv"}
    page = await api.ask("GET", "/orgs/a/invoices?limit=1", token, query={"customer_id": customer["id"]}, headers=as_csv)
    address, _, relation = page.headers["link"].partition("; ")
    following = await api.ask("GET", address.strip("<>").removeprefix("/api/v1"), token, headers=as_csv)
    assert (relation, "link" in following.headers) == ('rel="next"', False)
    assert [page.body.count(b"2026-06"), following.body.count(b"2026-07"), following.body.count(b"2026-06")] == [
        len(page.body.splitlines()) - 1,
        len(following.body.splitlines()) - 1,
        0,
    ]


async def test_what_is_refused(api: World) -> None:
    token = await api.admin("a", "billing")
    customer = await customer_with_usage(api, token)
    draft = await made(api, token, "/orgs/a/invoices", customer_id=customer["id"], period="2027-01")
    assert (await api.ask("POST", f"/orgs/a/invoices/{draft['id']}/finalise", token, {})).status == 409
    plan = (await api.ask("GET", "/orgs/a/plans", token)).json["items"][0]["id"]
    for path, body, status in (
        ("/invoices", {"customer_id": customer["id"], "period": "2027-01"}, 409),
        ("/invoices", {"customer_id": customer["id"], "period": "2027-02"}, 400),
        ("/invoices", {"customer_id": "nobody", "period": "2026-06"}, 400),
        ("/invoices", {"customer_id": customer["id"], "period": "2026-13"}, 400),
        ("/customers", {"name": "b", "kind": "organisation", "subject": "b"}, 400),
        ("/customers", {"name": "t", "kind": "team", "subject": "nowhere"}, 400),
        ("/customers", {"name": "t", "kind": "team", "subject": "x"}, 409),
        ("/customers", {"name": "t", "kind": "end_user", "subject": "e", "time_zone": "Mars"}, 400),
        ("/subscriptions", {"customer_id": customer["id"], "plan_id": plan, "starts_on": "2026-08-01"}, 400),
        ("/subscriptions", {"customer_id": customer["id"], "plan_id": plan, "starts_on": "2026-02-30"}, 400),
        ("/subscriptions", {"customer_id": customer["id"], "plan_id": "none", "starts_on": "2026-01-01"}, 400),
        ("/plans", {"name": "both", "markup_bp": 1, "rates": [{"input": 1}]}, 400),
        ("/adjustments", {"customer_id": customer["id"], "amount_nano": 0, "reason": "nothing"}, 400),
    ):
        assert (await api.ask("POST", "/orgs/a" + path, token, body)).status == status, (path, body)


async def test_a_draft_can_be_dropped_and_a_final_invoice_not(each: World) -> None:
    api, token = each, await each.admin("a", "billing")
    customer = await customer_with_usage(api, token, price_nano=DOLLAR)
    credit = await made(api, token, "/orgs/a/adjustments", customer_id=customer["id"], amount_nano=-5, reason="sorry")
    drafted = [await made(api, token, "/orgs/a/invoices", customer_id=customer["id"], period=f"2026-0{month}") for month in (6, 7)]
    paths = [f"/orgs/a/invoices/{row['id']}" for row in drafted]
    assert [(await api.ask("DELETE", paths[1], token)).status for _ in range(2)] == [204, 404]
    assert (await api.ask("POST", paths[0] + "/finalise", token, {})).json["number"] == 1
    refused = await api.ask("DELETE", paths[0], token)
    assert (refused.status, "changes no more" in refused.json["detail"]) == (409, True)
    again = await made(api, token, "/orgs/a/invoices", customer_id=customer["id"], period="2026-07")
    assert (await api.ask("POST", f"/orgs/a/invoices/{again['id']}/finalise", token, {})).json["number"] == 2
    (kept,) = (await api.ask("GET", "/orgs/a/adjustments", token)).json["items"]
    assert (kept["id"], kept["invoice_id"]) == (credit["id"], drafted[0]["id"])
    events = (await api.ask("GET", "/orgs/a/audit-events", api.operator, query={"limit": 100})).json["items"]
    (dropped,) = [event for event in events if event["action"] == "invoice.delete"]
    assert (dropped["subject_id"], dropped["before"]["period"]) == (drafted[1]["id"], "2026-07")


async def test_a_price_that_is_corrected_after_the_invoice_is_on_the_next_one(each: World) -> None:
    api, token = each, await each.admin("a", "billing")
    customer = await customer_with_usage(api, token, price_nano=20 * DOLLAR, included_nano=DOLLAR, markup_bp=1250)
    await made(api, token, "/orgs/a/adjustments", customer_id=customer["id"], amount_nano=-7, reason="sorry")

    async def final(period: str) -> dict[str, Any]:
        draft = await made(api, token, "/orgs/a/invoices", customer_id=customer["id"], period=period)
        return (await api.ask("POST", f"/orgs/a/invoices/{draft['id']}/finalise", token, {})).json

    june = await final("2026-06")
    path = f"/orgs/a/invoices/{june['id']}/correct"
    assert (await api.ask("POST", path, token, {})).status == 409
    fields = {"at": JUNE, "org": "a", "team": "x", "usage": {"priced": 0}}
    await LedgerStore(api.database).post([usage_event(0, entry="correction:1", cost_nano=100_000_001, **fields)])
    booked = await made(api, token, path)
    assert (booked["amount_nano"], booked["reason"]) == (112_500_002, "correction of invoice 1 (2026-06)")
    assert (await api.ask("POST", path, token, {})).status == 409
    await LedgerStore(api.database).post([usage_event(0, entry="correction:2", cost_nano=-3_100_000_001, **fields)])
    back = await made(api, token, path)
    july = await final("2026-07")
    assert [(line["kind"], line["nano"]) for line in july["lines"][1:]] == [("charge", 112_500_002), ("credit", back["amount_nano"])]
    assert june["total_nano"] + july["total_nano"] == 2 * 20 * DOLLAR - 7
    assert (await api.ask("POST", path, token, {})).status == 409
    assert (await api.ask("GET", f"/orgs/a/invoices/{june['id']}", token)).json == june


async def test_organisations_are_the_operators_customers(api: World) -> None:
    await LedgerStore(api.database).post(
        [usage_event(1, at=JUNE, org="a", cost_nano=DOLLAR), usage_event(2, at=JUNE, org="b", cost_nano=7)]
    )
    customer = await made(api, api.operator, "/orgs/default/customers", name="A", kind="organisation", subject="a")
    plan = await made(api, api.operator, "/orgs/default/plans", name="At cost")
    await made(
        api,
        api.operator,
        "/orgs/default/subscriptions",
        customer_id=customer["id"],
        plan_id=plan["id"],
        starts_on="2026-01-01",
        ends_on="2026-12-31",
    )
    invoice = await made(api, api.operator, "/orgs/default/invoices", customer_id=customer["id"], period="2026-06")
    assert invoice["total_nano"] == DOLLAR
    body = {"name": "no", "kind": "organisation", "subject": "nowhere"}
    assert (await api.ask("POST", "/orgs/default/customers", api.operator, body)).status == 400
    # Whoever does the books of the default organisation alone sees nothing of others.
    assert (await api.ask("GET", "/orgs/default/invoices", await api.admin("default", "billing"))).status == 403


@pytest.mark.parametrize("role", ["admin", "viewer", "developer"])
async def test_not_everybody_does_the_books(api: World, role: str) -> None:
    token = await api.admin("a", role)
    assert (await api.ask("GET", "/orgs/a/invoices", token)).status == 403
    assert (await api.ask("POST", "/orgs/a/plans", token, {"name": "Free"})).status == 403


async def test_a_month_whose_usage_is_not_kept_any_more_is_not_billed(each: World) -> None:
    api, token = each, await each.admin("a", "billing")
    customer = await customer_with_usage(api, token, price_nano=20 * DOLLAR)
    draft = await made(api, token, "/orgs/a/invoices", customer_id=customer["id"], period="2026-06")
    await Retention(api.database, FixedClock(JUNE + 60 * 86_400)).forget(35)
    for path, body in (
        ("/orgs/a/invoices", {"customer_id": customer["id"], "period": "2026-05"}),
        (f"/orgs/a/invoices/{draft['id']}/recompute", {}),
        (f"/orgs/a/invoices/{draft['id']}/finalise", {}),
    ):
        answer = await api.ask("POST", path, token, body)
        if "2026-05" in body.values():
            assert answer.status == 201  # without a plan nothing of the month is asked for
        else:
            assert (answer.status, "is kept since 2026-07-05" in answer.json["detail"]) == (409, True), answer.body
    query = {"since": "2026-06-01T00:00:00Z", "until": "2026-07-01T00:00:00Z"}
    whole = await api.ask("GET", "/orgs/a/usage", token, query=query)
    assert whole.json["total"]["cost_nano"] == 4 * DOLLAR
    gone = await api.ask("GET", "/orgs/a/usage", token, query={**query, "bucket": "hour"})
    assert (gone.status, gone.json["errors"][0]["field"]) == (400, "since")
