"""`tidegate budgets` on a database of its own."""

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tidegate.cli.commands import run
from tidegate.policy.keys import token_id


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("TIDEGATE_DATABASE_URL", raising=False)
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(arguments) == code
    captured = capsys.readouterr()
    return (captured.out if code == 0 else captured.err).strip()


def test_a_list_tells_what_is_left_and_when_the_window_opens_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(("budgets", "list")) == 0
    assert "those of tidegate.yaml" in capsys.readouterr().err.lower()
    told(capsys, "budgets", "create", "all", "--usd", "500", "--per", "month", "--time-zone", "Asia/Tokyo")
    told(capsys, "budgets", "create", "ever", "--usd", "0.50", "--per", "total")
    told(capsys, "budgets", "create", "each", "--usd", "1", "--per", "day", "--scope", "end_user")
    lines = {line["name"]: line for line in map(json.loads, told(capsys, "budgets", "list", "--json").splitlines())}
    assert [(lines[name]["used"], lines[name]["held"], lines[name]["left"]) for name in ("all", "ever", "each")] == [
        (0, 0, 500 * 10**9),
        (0, 0, 5 * 10**8),
        (None, None, None),
    ]
    opens = datetime.fromisoformat(lines["all"]["resets_at"])
    assert opens > datetime.now(UTC) and opens.utcoffset() == datetime.now(ZoneInfo("Asia/Tokyo")).utcoffset()
    assert (opens.day, opens.hour, lines["ever"]["resets_at"]) == (1, 0, None)
    table = told(capsys, "budgets", "list").splitlines()
    assert table[0].endswith("NEXT WINDOW       TIME ZONE") and table[1].endswith(f"{opens:%Y-%m-%d %H:%M}  Asia/Tokyo")


def test_whom_it_is_for_is_found_by_name_or_told_not_to_be_there(capsys: pytest.CaptureFixture[str]) -> None:
    team = told(capsys, "teams", "create", "search")
    user = told(capsys, "users", "create", "Ada", "--email", "ada@example.com")
    key = token_id(told(capsys, "keys", "create", "--name", "ci", "--org", "default"))
    of_file = token_id(told(capsys, "keys", "create", "--name", "laptop"))
    for scope, named in (("team", "search"), ("user", "ada@example.com"), ("key", "ci"), ("key", "laptop")):
        told(capsys, "budgets", "create", named, "--usd", "1", "--per", "day", "--scope", scope, "--id", named)
    lines = [json.loads(line) for line in told(capsys, "budgets", "list", "--json").splitlines()]
    assert {line["name"]: line["scope_id"] for line in lines} == {"search": team, "ada@example.com": user, "ci": key, "laptop": of_file}
    for scope, words in (("team", "It has `search` (team_"), ("user", "It has `Ada` (user_"), ("key", "It has `laptop`, `ci`")):
        assert words in told(capsys, "budgets", "create", "x", "--usd", "1", "--per", "day", "--scope", scope, "--id", "nobody", code=1)
    assert "there is no organisation `acm`" in told(capsys, "budgets", "list", "--org", "acm", code=1)
