"""`tidegate plans`, `customers`, `invoices` and `reconcile` on a database of their own."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import URL
from tests.support.databases import opened, sqlite_url
from tests.support.usage import usage_event

from tidegate.adapters.sql.ledger import LedgerStore
from tidegate.cli import main

Capture = pytest.CaptureFixture[str]
JUNE = datetime(2026, 6, 10, tzinfo=UTC).timestamp()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory with usage of an end user in June."""
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path))
    files: list[str] = []

    async def fill() -> None:
        async with sqlite_url(tmp_path) as url:
            database = opened(url)
            ledger = LedgerStore(database)
            await ledger.post([usage_event(1, at=JUNE, end_user="u1", cost_nano=2 * 10**9, usage={"input": 100, "output": 10})])
            await ledger.aclose()
            await database.aclose()
            files.append(str(url.database))

    asyncio.run(fill())
    Path(files[0]).rename(tmp_path / "tidegate.db")
    return tmp_path


def test_from_a_plan_to_a_final_invoice(home: Path, capsys: Capture) -> None:
    def said(*arguments: str) -> str:
        assert main(list(arguments)) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    plan = said("plans", "create", "Pro", "--fee", "20", "--included", "0.5", "--markup", "10").strip()
    assert "at cost, +10 %" in said("plans", "list")
    customer = said("customers", "create", "Somebody", "--kind", "end_user", "--subject", "u1").strip()
    said("customers", "subscribe", customer, plan, "--starts", "2026-06-01")
    assert json.loads(said("customers", "list", "--json"))["subject"] == "u1"
    draft = json.loads(said("invoices", "create", customer, "2026-06", "--json"))
    assert draft["total_nano"] == 20 * 10**9 + 2_200_000_000 - 500_000_000
    again = json.loads(said("invoices", "create", customer, "2026-06", "--json"))
    assert (again["id"], again["revision"]) == (draft["id"], 2)
    out = said("invoices", "finalise", draft["id"])
    assert out.startswith("invoice 1 ")
    assert "21.70" in out
    assert said("invoices", "show", draft["id"]) == out
    assert said("invoices", "list").splitlines()[1].split()[1] == "1"
    assert main(["invoices", "create", customer, "2026-06"]) == 1
    assert "changes no more" in capsys.readouterr().err
    assert main(["invoices", "finalise", draft["id"]]) == 1
    assert "changes no more" in capsys.readouterr().err


def test_credits_charges_and_a_draft_that_is_dropped(home: Path, capsys: Capture) -> None:
    def asked(*arguments: str, code: int = 0) -> str:
        assert main(list(arguments)) == code
        captured = capsys.readouterr()
        return captured.err if code else captured.out

    customer = asked("customers", "create", "Somebody", "--kind", "end_user", "--subject", "u1").strip()
    credit = asked("adjustments", "credit", customer, "0.5", "an outage").strip()
    asked("adjustments", "charge", customer, "$2", "set-up")
    assert json.loads(asked("adjustments", "list", "--customer", customer, "--json").splitlines()[0])["amount_nano"] == -(10**9) // 2
    for amount, who, words in (
        ("-1", customer, "no amount"),
        ("0", customer, "by 0"),
        ("1", "cust_x", "no customer"),
        ("1e7", customer, "1"),
    ):
        assert words in asked("adjustments", "charge", who, amount, "why", code=1)
    draft = json.loads(asked("invoices", "create", customer, "2026-06", "--json"))
    assert [line["kind"] for line in draft["lines"]] == ["credit", "charge"]
    assert asked("invoices", "delete", draft["id"]) == ""
    assert "no invoice" in asked("invoices", "delete", draft["id"], code=1)
    assert "has not begun" in asked("invoices", "create", customer, "2099-01", code=1)
    final = json.loads(asked("invoices", "create", customer, "2026-05", "--json"))["id"]
    asked("invoices", "finalise", final)
    assert "changes no more" in asked("invoices", "delete", final, code=1)
    assert [line.split()[:4] for line in asked("adjustments", "list").splitlines()[1:2]] == [[credit, customer, "-0.50", final]]


def test_what_a_final_invoice_says_too_little_goes_onto_the_next_one(home: Path, capsys: Capture) -> None:
    def asked(*arguments: str, code: int = 0) -> str:
        assert main(list(arguments)) == code
        captured = capsys.readouterr()
        return captured.err if code else captured.out.strip()

    plan = asked("plans", "create", "Pro", "--markup", "10")
    customer = asked("customers", "create", "Somebody", "--kind", "end_user", "--subject", "u1")
    asked("customers", "subscribe", customer, plan, "--starts", "2026-06-01")
    invoice = json.loads(asked("invoices", "create", customer, "2026-06", "--json"))["id"]
    assert "work it out again" in asked("invoices", "correct", invoice, code=1)
    asked("invoices", "finalise", invoice)
    assert "still costs" in asked("invoices", "correct", invoice, code=1)

    async def late() -> None:
        database = opened(URL.create("sqlite", database=str(home / "tidegate.db")))
        ledger = LedgerStore(database)
        await ledger.post([usage_event(2, at=JUNE, end_user="u1", cost_nano=1)])
        await ledger.aclose()
        await database.aclose()

    asyncio.run(late())
    assert [asked("invoices", "correct", invoice, *more) for more in ((), ("--apply",))] == ["0.000000002", "0.000000002"]
    assert "still costs" in asked("invoices", "correct", invoice, code=1)
    assert "correction of invoice 1 (2026-06)" in asked("adjustments", "list")


def test_what_is_not_there_is_said(home: Path, capsys: Capture) -> None:
    for arguments in (["invoices", "show", "inv_x"], ["invoices", "create", "cust_x", "2026-06"], ["invoices", "create", "cust_x", "june"]):
        assert main(arguments) == 1
        assert capsys.readouterr().err.startswith("error: ")
    assert main(["plans", "create", "x", "--fee", "much"]) == 1
    assert "no amount" in capsys.readouterr().err


def test_no_customer_is_made_of_nobody(home: Path, capsys: Capture) -> None:
    assert main(["orgs", "create", "Other", "--id", "other"]) == 0
    for kind, subject, more, words in (
        ("team", "team_x", (), "no such team"),
        ("organisation", "acme", (), "no such organisation"),
        ("organisation", "default", ("--org", "acme"), "there is no organisation `acme`"),
        ("organisation", "default", ("--org", "other"), "customers of the operator"),
        ("end_user", "u1", ("--time-zone", "Mars"), "no time zone"),
        ("end_user", "u1", ("--email", "nobody"), "e-mail address"),
        ("end_user", "", (), "subject"),
    ):
        assert main(["customers", "create", "x", "--kind", kind, "--subject", subject, *more]) == 1, (kind, subject)
        assert words in capsys.readouterr().err
    assert main(["plans", "create", "x", "--markup", "-200"]) == 1
    assert main(["plans", "create", "x", "--fee", "9000000000"]) == 1
    for arguments in (["customers", "list"], ["plans", "list"]):
        capsys.readouterr()
        assert main(arguments) == 0
        assert len(capsys.readouterr().out.splitlines()) == 1


def test_two_subscriptions_of_a_customer_do_not_overlap(home: Path, capsys: Capture) -> None:
    def asked(*arguments: str, code: int = 0) -> str:
        assert main(list(arguments)) == code
        captured = capsys.readouterr()
        return (captured.out + captured.err).strip()

    plan = asked("plans", "create", "Pro")
    customer = asked("customers", "create", "Somebody", "--kind", "end_user", "--subject", "u1")
    first = asked("customers", "subscribe", customer, plan, "--starts", "2026-06-01", "--ends", "2026-06-14")
    assert first in asked("customers", "subscribe", customer, plan, "--starts", "2026-06-14", code=1)
    assert "before the first day" in asked(
        "customers", "subscribe", customer, plan, "--starts", "2026-06-16", "--ends", "2026-06-15", code=1
    )
    asked("customers", "subscribe", customer, plan, "--starts", "2026-06-15")


def test_a_providers_export_beside_the_ledger(home: Path, capsys: Capture) -> None:
    export = home / "usage.csv"
    export.write_text("date,model,input_tokens,output_tokens\n2026-06-10,gpt-5,100,10\n")
    assert main(["reconcile", str(export), "--provider", "openai"]) == 0
    assert "1 of 1" in capsys.readouterr().err
    export.write_text("date,model,input_tokens,output_tokens\n2026-06-10,gpt-5,101,10\n")
    assert main(["reconcile", str(export), "--provider", "openai", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["input"] == 1
    assert main(["reconcile", str(home / "none.csv"), "--provider", "openai"]) == 2
    assert "there is no file" in capsys.readouterr().err
    export.write_bytes(bytes(range(128, 256)))
    assert main(["reconcile", str(export), "--provider", "openai"]) == 2
    assert "is no text" in capsys.readouterr().err


def test_a_provider_that_the_ledger_does_not_know_is_told(home: Path, capsys: Capture) -> None:
    export = home / "costs.csv"
    export.write_text("date,model,cost_usd\n2026-06-10,gpt-5,2\n2026-06-10,,1\n")
    assert main(["reconcile", str(export), "--provider", "opnai"]) == 1
    assert "nothing of `opnai` in these days: it has `openai`" in capsys.readouterr().err
    assert main(["reconcile", str(export), "--provider", "openai"]) == 1
    told = capsys.readouterr()
    assert "2026-06-10  none" in told.out and "opnai" not in told.err
