"""`tidegate ledger reprice`: shown first, booked once, and followed by reports and draft invoices."""

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy import URL
from tests.support.databases import opened, sqlite_url
from tests.support.usage import NOON, usage_event

from tidegate.adapters.sql.ledger import LedgerStore
from tidegate.cli.commands import run
from tidegate.records import Tenant
from tidegate.usage_report import Dimension, Figures, UsageQuery

RIGHT = "prices: {'openai/gpt-5': [{input: 2, output: 4}]}\nproviders: {openai: {api_key: 'env:A_KEY'}}\n"
NANO = 10 * 2000 + 5 * 4000


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("TIDEGATE_DATABASE_URL", raising=False)
    monkeypatch.setenv("A_KEY", "sk-0123456789")
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path))
    monkeypatch.setenv("TIDEGATE_CONFIG", str(tmp_path / "tidegate.yaml"))
    (tmp_path / "tidegate.yaml").write_text(RIGHT)
    files: list[str] = []

    async def fill() -> None:
        async with sqlite_url(tmp_path) as url:
            database = opened(url)
            ledger = LedgerStore(database)
            wrong = [usage_event(number, cost_nano=1, tags=["x"], end_user="u1") for number in range(700)]
            others = [
                usage_event(800, cost_nano=None, price_source=None),
                usage_event(801, cost_nano=7, price_source="provider"),
                usage_event(802, cost_nano=7, target="openai/other", model="other"),
                usage_event(803, cost_nano=1, at=NOON + 86_400 * 40),
            ]
            await ledger.post([*wrong, *others])
            await ledger.aclose()
            await database.aclose()
            files.append(str(url.database))

    asyncio.run(fill())
    Path(files[0]).rename(tmp_path / "tidegate.db")
    return tmp_path


def figures(home: Path, only: dict[Dimension, tuple[str, ...]] | None = None) -> Figures:
    async def ask() -> Figures:
        database = opened(URL.create("sqlite", database=str(home / "tidegate.db")))
        query = UsageQuery(since=NOON - 86_400, until=NOON + 86_400, only=only or {})
        report = await LedgerStore(database).usage(Tenant("default"), query)
        await database.aclose()
        return report.total

    return asyncio.run(ask())


JUNE = ("ledger", "reprice", "--since", "2026-06-01", "--until", "2026-06-03")


def test_shown_first_and_booked_once(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = figures(home)
    assert before.unpriced == 1
    assert run([*JUNE, "--json"]) == 0
    (shown,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert shown == {"org": "default", "target": "openai/gpt-5", "attempts": 701, "priced": 1, "was_nano": 700, "is_nano": 701 * NANO}
    assert figures(home) == before
    assert run([*JUNE, "--apply"]) == 0
    assert "Booked." in capsys.readouterr().err
    after = figures(home)
    assert after.cost_nano == 701 * NANO + 14
    assert after.unpriced == 0
    assert (after.requests, after.attempts, after.errors) == (before.requests, before.attempts, before.errors)
    assert figures(home, {"tag": ("x",)}).cost_nano == 700 * NANO
    assert figures(home, {"end_user": ("u1",)}).cost_nano == 700 * NANO
    assert run([*JUNE, "--apply"]) == 0
    assert "costs what the prices of now say" in capsys.readouterr().err
    assert figures(home) == after


def test_a_second_correction_counts_from_the_first(home: Path) -> None:
    run([*JUNE, "--apply"])
    (home / "tidegate.yaml").write_text(RIGHT.replace("input: 2", "input: 1"))
    run([*JUNE, "--apply"])
    assert figures(home).cost_nano == 701 * (NANO - 10_000) + 14


def test_prices_of_the_database_count_where_the_file_has_none(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "tidegate.yaml").write_text(RIGHT.partition("\n")[2])
    assert run(["prices", "set", "openai/gpt-5", "--input", "2", "--output", "4"]) == 0
    capsys.readouterr()
    assert run([*JUNE, "--model", "openai/gpt-5", "--json", "--apply"]) == 0
    (shown,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (shown["attempts"], shown["is_nano"]) == (701, 701 * NANO)


def test_only_some_models(home: Path) -> None:
    run([*JUNE, "--model", "openai/o*", "--model", "anthropic/*", "--apply"])
    assert figures(home).unpriced == 1


@pytest.mark.parametrize("wrong", [("--time-zone", "Nowhere/At-all"), ("--config", "/nothing.yaml")])
def test_mistakes_are_told(home: Path, wrong: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*JUNE, *wrong]) == 1
    assert "error: " in capsys.readouterr().err
