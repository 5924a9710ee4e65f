"""`tidegate usage` and `tidegate migrate` on a SQLite database."""

import asyncio
import csv
import io
import json
import time
from pathlib import Path

import pytest
from tests.support.databases import opened, sqlite_url
from tests.support.usage import usage_event

from tidegate.adapters.sql.ledger import LedgerStore
from tidegate.cli import main
from tidegate.cli.usage import dollars

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory with some usage of the last hour."""
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path))
    now = time.time()

    async def fill() -> None:
        async with sqlite_url(tmp_path) as url:
            database = opened(url)
            events = [
                usage_event(1, at=now, model="gpt-5", cost_nano=1_234_567_891, usage={"input": 1000, "cache_read": 500, "output": 7}),
                usage_event(2, at=now, model="claude", provider="anthropic", cost_nano=2_000_000_000, saved_nano=10**9, tags=["x"]),
                usage_event(3, at=now, model="claude", provider="anthropic", cost_nano=None, org="org_b"),
            ]
            ledger = LedgerStore(database)
            await ledger.post(events)
            await ledger.aclose()
            await database.aclose()
            files.append(str(url.database))

    files: list[str] = []
    asyncio.run(fill())
    Path(files[0]).rename(tmp_path / "tidegate.db")
    return tmp_path


def test_a_table_with_its_total(home: Path, capsys: Capture) -> None:
    assert main(["usage", "--by", "model"]) == 0
    out, err = capsys.readouterr()
    head, first, second, total = out.splitlines()
    assert head.split()[:3] == ["MODEL", "REQUESTS", "ATTEMPTS"]
    assert first.split()[:9] == ["claude", "2", "2", "0", "20", "0", "10", "2.00+?", "1.00"]
    assert second.split()[:9] == ["gpt-5", "1", "1", "0", "1,500", "500", "7", "1.234567891", "0.00"]
    assert total.split()[:8] == ["total", "3", "3", "0", "1,520", "500", "17", "3.234567891+?"]
    assert "1 attempts have no known price" in err
    assert main(["usage", "--org", "org_b"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:7] == ["1", "1", "0", "10", "0", "5", "?"]


def test_json_and_csv_say_the_same(home: Path, capsys: Capture) -> None:
    arguments = ["usage", "--by", "provider", "--by", "model", "--since", "2h", "--bucket", "hour", "--org", "default"]
    assert main([*arguments, "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert main([*arguments, "--csv"]) == 0
    read = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows] == read
    assert len(rows) == 2 * len({row["from"] for row in rows})
    assert sum(row["cost_nano"] for row in rows) == 3_234_567_891


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--only", "model=gpt-5"], 1),
        (["--only", "model=gpt-5", "--only", "model=claude"], 3),
        (["--only", "tag=x"], 1),
        (["--org", "none"], 0),
    ],
)
def test_only_what_is_asked_for(home: Path, capsys: Capture, arguments: list[str], wanted: int) -> None:
    assert main(["usage", "--json", *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["attempts"] == wanted


def test_nothing_used(tmp_path: Path, capsys: Capture) -> None:
    assert main(["usage", "--home", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert (out, err.startswith("No usage from ")) == ("", True)


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--since", "yesterday"], "is no time"),
        (["--since", "2026-13-01"], "is no time"),
        (["--only", "tea=2"], "like team=core"),
        (["--only", "team"], "like team=core"),
        (["--time-zone", "Nowhere"], "not a time zone"),
        (["--since", "2026-06-02", "--until", "2026-06-01"], "ends before it begins"),
        (["--since", "2000-01-01", "--bucket", "hour"], "shorter"),
    ],
)
def test_what_cannot_be_asked_is_told(home: Path, capsys: Capture, arguments: list[str], wanted: str) -> None:
    assert main(["usage", *arguments]) == 1
    assert wanted in capsys.readouterr().err


@pytest.mark.parametrize("command", [["usage"], ["migrate", "status"], ["migrate", "upgrade"]])
@pytest.mark.parametrize("url", ["postgresql://u:hunter2@127.0.0.1:1/d", "mysql://u:hunter2@h/d"])
def test_a_database_that_cannot_be_used_is_told_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture, command: list[str], url: str
) -> None:
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path))
    monkeypatch.setenv("TIDEGATE_DATABASE_URL", url)
    assert main(command) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: ") and "hunter2" not in err


def test_migrate_tells_and_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path))
    assert main(["migrate", "status"]) == 1
    assert capsys.readouterr().out.startswith("database: empty")
    assert main(["migrate", "upgrade"]) == 0
    assert "it was empty" in capsys.readouterr().err
    assert main(["migrate", "upgrade"]) == 0
    assert "as it was" in capsys.readouterr().err
    assert main(["migrate", "status"]) == 0


@pytest.mark.parametrize(
    ("nano", "text"), [(0, "0.00"), (1, "0.000000001"), (-1_500_000_000, "-1.50"), (1_234_000_000_000, "1,234.00"), (10**8, "0.10")]
)
def test_dollars_are_exact(nano: int, text: str) -> None:
    assert dollars(nano) == text
